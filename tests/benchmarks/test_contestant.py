import pytest

from benchmarks.contestant import (
    Contestant,
    all_contestants,
    filled,
    read_contestant,
    request_fields,
)

VALUES = {
    "model": "/m",
    "name": "m",
    "port": 1,
    "port_1": 2,
    "port_2": 3,
    "environment": "/e",
    "python": "/e/bin/python",
    "peers": "/p",
    "work": "/w",
    "cores": 2,
    "core_list": "0,1",
}


@pytest.mark.parametrize("name", all_contestants())
def test_description_uses_only_names_that_are_filled_in(name):
    contestant = all_contestants()[name]
    steps = [*contestant.command, *(part for step in contestant.prepare for part in step)]
    for template in [*steps, *contestant.variables.values()]:
        assert "$" not in filled(template, VALUES)
    assert request_fields(contestant, 64, VALUES) is not None


@pytest.mark.parametrize("name", all_contestants())
def test_description_says_why_it_runs_so(name):
    assert len(all_contestants()[name].settings) > 40


def test_every_contestant_runs_in_float32():
    for name, contestant in all_contestants().items():
        said = " ".join([*contestant.command, *contestant.variables.values()])
        own_program = contestant.kind == "batch"
        assert own_program or "float32" in said or "f32" in said, name


def test_answer_length_reaches_the_request():
    contestant = Contestant("a", "A", "", "", (), request={"config": "n=$answer_tokens", "x": 1})
    assert request_fields(contestant, 64, {}) == {"config": "n=64", "x": 1}


def test_unknown_name_is_refused():
    with pytest.raises(KeyError, match="modle"):
        filled("$modle", VALUES)


def test_unknown_kind_is_refused(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('title="X"\nsettings=""\nenvironment=""\ncommand=[]\nkind="magic"\n')
    with pytest.raises(ValueError, match="kind must be one of server, batch"):
        read_contestant(path)


def test_unknown_key_is_refused(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('title="X"\nsettings=""\nenvironment=""\ncommand=[]\nspeed="fast"\n')
    with pytest.raises(TypeError, match="speed"):
        read_contestant(path)


def test_file_like_another_says_only_what_differs(tmp_path):
    (tmp_path / "a.toml").write_text(
        'title="A"\nsettings="s"\nenvironment="e"\ncommand=["x"]\n[variables]\nP="1"\nQ="1"\n'
    )
    (tmp_path / "b.toml").write_text('like="a"\ntitle="B"\n[variables]\nQ="2"\n')
    found = read_contestant(tmp_path / "b.toml")
    assert (found.name, found.title, found.command) == ("b", "B", ("x",))
    assert found.variables == {"P": "1", "Q": "2"}
