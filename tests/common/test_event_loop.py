import asyncio
import sys

import pytest
from sightline_common.event_loop import run


async def loop_module():
    return type(asyncio.get_running_loop()).__module__


@pytest.mark.skipif(sys.platform == "win32", reason="there is no libuv loop for Windows")
def test_services_run_on_libuv():
    assert run(loop_module()) == "uvloop"


def test_what_the_main_coroutine_raises_comes_out():
    async def failing():
        raise KeyError("told")

    with pytest.raises(KeyError, match="told"):
        run(failing())
