"""Questions about printed text, and their true answers.

What is printed is answered as it is printed: the words of a line separated by a space, lines by a
line break. A message that a dialog breaks over several rows is one line.
"""

from __future__ import annotations

from random import Random

from training.talk.exchange import Exchange
from training.talk.language import Language
from training.talk.reading_phrases import READING
from training.talk.wording import Maker, Wording, converse_with
from training.world.alphabet import script_of
from training.world.dialogs import Dialog
from training.world.receipts import Receipt
from training.world.wordlists import BUTTONS, ITEMS
from training.world.words import Words

ABSENT_SHARE = 0.12
ORDINALS = ("first", "second", "third")
LONGEST_READING = 60  # characters of a receipt or dialog that are read out as a whole

Text = Words | Receipt | Dialog


def read(rng: Random, text: Text, wording: Wording) -> Exchange | None:
    if not isinstance(text, Words) and len(text.text) > LONGEST_READING:
        return None
    return Exchange("read", wording.ask(rng, "read"), text.text, spelt=(text.text,))


def read_line(rng: Random, words: Words, wording: Wording) -> Exchange | None:
    if len(words.lines) < 2:
        return None
    index = rng.randrange(len(words.lines))
    last = index == len(words.lines) - 1 and (index >= len(ORDINALS) or rng.random() < 0.5)
    ordinal = wording.say("last" if last else ORDINALS[index])
    line = " ".join(words.lines[index])
    return Exchange("line", wording.ask(rng, "line", ordinal), line, spelt=(line,))


def describe_words(rng: Random, words: Words, wording: Wording) -> Exchange:
    text = " ".join(words.words)
    answer = wording.say("words", text)
    return Exchange("describe", wording.ask(rng, "describe"), answer, spelt=(text,))


def describe_receipt(rng: Random, receipt: Receipt, wording: Wording) -> Exchange:
    items = wording.list([f"{item.name} {receipt.amount(item.price)}" for item in receipt.items])
    answer = wording.say("receipt", receipt.shop, items, receipt.amount(receipt.total))
    return Exchange("describe", wording.ask(rng, "describe"), answer)


def total(rng: Random, receipt: Receipt, wording: Wording) -> Exchange:
    answer = wording.say("total", receipt.amount(receipt.total))
    return Exchange("total", wording.ask(rng, "total"), answer)


def price(rng: Random, receipt: Receipt, wording: Wording) -> Exchange:
    names = {item.name for item in receipt.items}
    if rng.random() < ABSENT_SHARE:
        absent = rng.choice([name for name in ITEMS[script_of(receipt.shop)] if name not in names])
        return Exchange("price", wording.ask(rng, "price", absent), wording.say("no item", absent))
    item = rng.choice(receipt.items)
    answer = wording.say("price", item.name, receipt.amount(item.price))
    return Exchange("price", wording.ask(rng, "price", item.name), answer)


def shop(rng: Random, receipt: Receipt, wording: Wording) -> Exchange:
    return Exchange("shop", wording.ask(rng, "shop"), receipt.shop, spelt=(receipt.shop,))


def items(rng: Random, receipt: Receipt, wording: Wording) -> Exchange:
    names = wording.list([item.name for item in receipt.items])
    return Exchange("items", wording.ask(rng, "items"), wording.say("items", names))


def count_items(rng: Random, receipt: Receipt, wording: Wording) -> Exchange:
    count = len(receipt.items)
    topic = "one item" if count == 1 else "many items"
    answer = wording.say(topic, wording.number(count))
    return Exchange("item count", wording.ask(rng, "item count"), answer)


def dearest(rng: Random, receipt: Receipt, wording: Wording) -> Exchange | None:
    prices = sorted(item.price for item in receipt.items)
    if len(prices) < 2 or prices[-1] == prices[-2]:
        return None
    item = max(receipt.items, key=lambda item: item.price)
    answer = wording.say("dearest", item.name, receipt.amount(item.price))
    return Exchange("dearest", wording.ask(rng, "dearest"), answer)


def describe_dialog(rng: Random, dialog: Dialog, wording: Wording) -> Exchange:
    topic = "one button" if len(dialog.buttons) == 1 else "many buttons"
    buttons = wording.say(topic, wording.list(dialog.buttons))
    answer = wording.say("dialog", dialog.title, dialog.message, buttons)
    spelt = (dialog.message,)
    return Exchange("describe", wording.ask(rng, "describe"), answer, spelt=spelt)


def title(rng: Random, dialog: Dialog, wording: Wording) -> Exchange:
    return Exchange("title", wording.ask(rng, "title"), dialog.title, spelt=(dialog.title,))


def message(rng: Random, dialog: Dialog, wording: Wording) -> Exchange:
    question = wording.ask(rng, "message")
    return Exchange("message", question, dialog.message, spelt=(dialog.message,))


def buttons(rng: Random, dialog: Dialog, wording: Wording) -> Exchange:
    answer = wording.say("buttons", wording.list(dialog.buttons))
    return Exchange("buttons", wording.ask(rng, "buttons"), answer)


def count_buttons(rng: Random, dialog: Dialog, wording: Wording) -> Exchange:
    count = len(dialog.buttons)
    answer = wording.say("one" if count == 1 else "many", wording.number(count))
    return Exchange("button count", wording.ask(rng, "button count"), answer)


def has_button(rng: Random, dialog: Dialog, wording: Wording) -> Exchange:
    known = BUTTONS[script_of(dialog.buttons[0])]
    present = rng.random() < 0.5
    name = rng.choice(dialog.buttons if present else known)
    answer = wording.say("button" if name in dialog.buttons else "no button", name)
    return Exchange("button", wording.ask(rng, "button", name), answer)


WORDS_MAKERS: tuple[tuple[Maker[Words], float], ...] = (
    (read, 5.0),
    (read_line, 2.0),
    (describe_words, 0.7),
)
RECEIPT_MAKERS: tuple[tuple[Maker[Receipt], float], ...] = (
    (read, 0.4),
    (total, 2.0),
    (price, 3.0),
    (shop, 2.0),
    (items, 0.8),
    (count_items, 0.8),
    (dearest, 1.0),
    (describe_receipt, 0.3),
)
DIALOG_MAKERS: tuple[tuple[Maker[Dialog], float], ...] = (
    (read, 0.4),
    (title, 1.5),
    (message, 3.0),
    (buttons, 1.5),
    (count_buttons, 0.8),
    (has_button, 1.5),
    (describe_dialog, 0.4),
)


def converse_about_text(rng: Random, text: Text, count: int, language: Language) -> list[Exchange]:
    """Up to `count` exchanges, none twice."""
    wording = READING[language]
    if isinstance(text, Words):
        return converse_with(rng, text, count, wording, WORDS_MAKERS)
    if isinstance(text, Receipt):
        return converse_with(rng, text, count, wording, RECEIPT_MAKERS)
    return converse_with(rng, text, count, wording, DIALOG_MAKERS)


def think_about_text(text: Text, language: Language) -> str:
    """One short true sentence."""
    wording = READING[language]
    if isinstance(text, Words):
        return wording.say("words", " ".join(text.words))
    return wording.say("thought of receipt" if isinstance(text, Receipt) else "thought of dialog")
