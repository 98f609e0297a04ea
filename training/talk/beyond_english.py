"""What is outside the world, in English."""

from __future__ import annotations

from training.model.corpus import words

SHOWN = (
    "Is there a {} in the picture?",
    "Do you see a {}?",
    "How many {}s are there?",
    "How many {}s are in the picture?",
    "Where is the {}?",
    "What color is the {}?",
    "What is the {} doing?",
    "Locate the {}.",
    "Give the bounding box of the {}.",
    "Is the {} big?",
    "Describe the {}.",
    "What does the {} look like?",
    "Is the {} old or new?",
    "Whose {} is this?",
    "Why is there a {}?",
    "Who is the person in the picture?",
    "How old is the woman?",
    "What is the man wearing?",
    "Are the people happy?",
    "Who made this picture?",
    "When was this picture taken?",
    "Where was this photo taken?",
    "What is the weather like in the picture?",
    "Which season is it in the picture?",
    "How much does the circle cost?",
    "What is the price of the red star?",
    "How heavy is the square?",
    "How many centimeters wide is the picture?",
    "What does the heart mean?",
    "What is behind the shapes?",
    "Who is the artist?",
    "Is the picture beautiful?",
    "Which brand is shown?",
    "What will happen next?",
)
GENERAL = (
    "What is the capital of {}?",
    "What is the weather in {}?",
    "Who is the president of {}?",
    "Tell me about {}.",
    "Tell me a story about a {}.",
    "Write a poem about {}.",
    "Write code for {}.",
    "What is a {}?",
    "How do I make {}?",
    "Where can I buy a {}?",
    "Explain {} to me.",
    "Do you like {}?",
    "What do you think about {}?",
    "Translate {} into Chinese.",
    "How do you spell {}?",
    "Who invented the {}?",
    "What is the meaning of {}?",
    "Will it rain tomorrow?",
    "What time is it?",
    "What day is it today?",
    "What is 17 times 23?",
    "Solve x + 5 = 12.",
    "Write a Python function that sorts a list.",
    "Tell me a joke.",
    "What is the meaning of life?",
    "Who won the game yesterday?",
    "How is the market today?",
    "Can you book a table for me?",
    "Send a message to my friend.",
    "What should I eat?",
    "Am I ill?",
    "Play some music.",
    "How old are you?",
)
THINGS = tuple(
    words(
        """
dog cat horse bird fish lion cow monkey man woman child girl boy person face hand eye house tree
car bus boat train road street city mountain river sea sun moon flower grass table chair book
phone computer cup bottle apple banana bread cake egg hat shoe shirt bag bed door clock camera
ball guitar plane cloud key hexagon pentagon oval cube octagon spiral ellipse sphere hospital
school teacher doctor money music football Paris London China France Japan America python coffee
tea weather
"""
    )
)
UNSEEN = tuple(
    words(
        """
tiger sheep elephant rabbit spider truck bicycle airplane bridge tower sofa lamp
pizza carrot knife umbrella jacket violin rocket trapezoid cylinder cone robot castle forest
island Berlin Madrid Canada Brazil Italy volcano chess dentist lawyer engine
"""
    )
)
