"""What is asked and answered in English."""

from __future__ import annotations

from training.talk.tongue import Phrases

# What the first weights of sightline-nano were taught.
FIRST_QUESTIONS: Phrases = {
    "describe": (
        "Describe the image.",
        "Describe the picture.",
        "Describe this image.",
        "Describe this picture.",
        "What is in the picture?",
        "What is in this image?",
        "What do you see?",
        "What can you see in the picture?",
        "What does the picture show?",
        "What does this image show?",
        "Tell me what you see.",
        "Please describe the image.",
        "What's in this picture?",
        "Which shapes are in the picture, and where?",
        "List all shapes with their places.",
    ),
    "count": (
        "How many {} are there?",
        "How many {} are in the picture?",
        "How many {} are in the image?",
        "How many {} do you see?",
        "Count the {}.",
        "What is the number of {}?",
    ),
    "at place": (
        "What is {}?",
        "What do you see {}?",
        "Which shape is {}?",
        "What is there {}?",
        "What can you see {}?",
    ),
    "where": (
        "Where is the {}?",
        "Where is the {} in the picture?",
        "Where do you see the {}?",
        "In which place is the {}?",
        "Tell me where the {} is.",
    ),
    "color": (
        "What color is the {}?",
        "Which color is the {}?",
        "What is the color of the {}?",
        "What colour is the {}?",
        "Tell me the color of the {}.",
    ),
    "shape": (
        "Which shape is {}?",
        "What shape is the {} one?",
        "Which shape is the {} one?",
        "What is the {} shape?",
        "What kind of shape is {}?",
    ),
    "shape at place": (
        "What shape is {}?",
        "Which kind of shape is {}?",
        "What is the shape {}?",
    ),
    "exists": (
        "Is there {}?",
        "Is there {} in the picture?",
        "Is there {} in the image?",
        "Do you see {}?",
        "Can you see {}?",
        "Does the picture show {}?",
    ),
    "color of it": ("What color is it?", "Which color is it?", "And what color is it?"),
    "shape of it": ("What shape is it?", "Which shape is it?", "And what shape is it?"),
    "where is it": ("Where is it?", "And where is it?", "In which place is it?"),
    "describe one": (
        "Describe the {} picture.",
        "What is in the {} picture?",
        "What does the {} image show?",
    ),
    "count one": (
        "How many shapes are in the {} picture?",
        "How many shapes are in the {} image?",
    ),
    "more": ("Which picture has more shapes?", "Which image shows more shapes?"),
    "which": (
        "Which picture has {}?",
        "Which picture shows {}?",
        "In which picture is {}?",
    ),
    "greeting": (
        "Hello",
        "Hello!",
        "Hi",
        "Hi!",
        "Hi there!",
        "Hey",
        "Good morning!",
        "Hello there",
    ),
    "about": ("Who are you?", "What are you?", "What is your name?", "What can you do?", "Help"),
    "thanks": ("Thanks", "Thank you!", "Thank you", "Thanks!"),
}

MORE_QUESTIONS: Phrases = {
    "describe": (
        "Describe what you see.",
        "What is this?",
        "What's in the image?",
        "What is shown here?",
        "Please describe this picture.",
        "Can you describe the picture?",
        "Describe the picture in one sentence.",
        "What is there to see?",
        "Describe it.",
        "describe",
        "what do you see",
    ),
    "count": (
        "How many {} can you see?",
        "How many {} does the picture show?",
        "Please count the {}.",
        "Tell me how many {} there are.",
        "how many {}",
    ),
    "at place": (
        "What can be seen {}?",
        "What does the picture show {}?",
        "Tell me what is {}.",
    ),
    "where": (
        "Where can I find the {}?",
        "In which part of the picture is the {}?",
        "Where in the image is the {}?",
        "Where's the {}?",
        "where is the {}",
    ),
    "color": (
        "What's the color of the {}?",
        "Which color does the {} have?",
        "The {} has which color?",
        "what color is the {}",
    ),
    "shape": (
        "What kind of shape is the {} one?",
        "What shape does the {} thing have?",
        "Tell me what the {} shape is.",
    ),
    "shape at place": ("What kind of shape is {}?", "Tell me which shape is {}."),
    "exists": (
        "Is {} in the picture?",
        "Does the image contain {}?",
        "Does the picture have {}?",
        "Can you find {}?",
        "is there {}",
    ),
    "color of it": ("What's its color?", "What is its color?", "Its color?"),
    "shape of it": ("What is its shape?", "What kind of shape is it?", "Its shape?"),
    "where is it": ("Where's it?", "Where can I find it?", "Its place?"),
    "locate": (
        "Locate the {}.",
        "Please locate the {}.",
        "Give the bounding box of the {}.",
        "Give me the bounding box of the {}.",
        "What is the bounding box of the {}?",
        "Return the box of the {}.",
        "Draw a box around the {}.",
        "Find the {} and give its box.",
        "Give the coordinates of the {}.",
        "Where is the {}? Answer with a box.",
        "Where is the {}? Give its bounding box.",
    ),
    "locate it": (
        "Locate it.",
        "Give its bounding box.",
        "What is its bounding box?",
        "Give me its coordinates.",
        "Draw a box around it.",
    ),
    "json": (
        "Describe the picture as JSON.",
        "Describe the image in JSON.",
        "List all shapes as JSON.",
        "Give me all shapes with their colors and places as JSON.",
        "Return a JSON list of the shapes.",
        "Answer in JSON: which shapes are in the picture?",
        "What is in the picture? Answer with JSON.",
        "JSON, please.",
    ),
    "and": ("And {}?", "What about {}?", "And what about {}?"),
    "text": (
        "What does the text say?",
        "Read the text.",
        "What is written in the picture?",
        "Which words are in the picture?",
        "What is the total on the receipt?",
        "Which button can I click?",
        "What is the error message?",
    ),
    "chart": (
        "What is the title of the chart?",
        "Which bar is the highest?",
        "What is the largest value in the chart?",
        "What is the smallest value?",
        "What does the chart show?",
    ),
    "describe one": (
        "What is in the {} image?",
        "What do you see in the {} picture?",
        "Describe the {} image.",
    ),
    "describe both": (
        "Describe both pictures.",
        "Describe the two pictures.",
        "What is in the pictures?",
        "What do the pictures show?",
        "Compare the two pictures.",
    ),
    "count one": (
        "How many shapes does the {} picture show?",
        "Count the shapes in the {} picture.",
    ),
    "color in one": (
        "What color is the {0} in the {1} picture?",
        "Which color does the {0} in the {1} image have?",
    ),
    "where in one": (
        "Where is the {0} in the {1} picture?",
        "Where in the {1} image is the {0}?",
    ),
    "exists in one": (
        "Is there {0} in the {1} picture?",
        "Does the {1} image show {0}?",
    ),
    "more": (
        "In which picture are more shapes?",
        "Which of the two pictures has more shapes?",
        "Are there more shapes in the first or in the second picture?",
    ),
    "same count": (
        "Do both pictures have the same number of shapes?",
        "Are there as many shapes in the first picture as in the second?",
    ),
    "which": (
        "Which of the pictures shows {}?",
        "Which image contains {}?",
        "Is {} in the first or in the second picture?",
    ),
    "greeting": ("hello", "hi", "Good evening!", "How are you?"),
    "about": ("What do you know?", "Introduce yourself.", "What is Sightline?", "who are you"),
    "thanks": ("thanks", "Thanks a lot!", "Great, thank you."),
}

QUESTIONS: Phrases = {
    topic: FIRST_QUESTIONS.get(topic, ()) + MORE_QUESTIONS.get(topic, ())
    for topic in (
        *FIRST_QUESTIONS,
        *(topic for topic in MORE_QUESTIONS if topic not in FIRST_QUESTIONS),
    )
}

# Without a capital letter at the beginning and a full stop at the end.
ANSWERS = {
    "where": "{}",
    "absent": "there is no {}",
    "nothing": "there is nothing {}",
    "yes": "yes, there is {1}",
    "no": "no, there is no {0}",
    "picture": "the {} picture",
    "both": "both pictures",
    "neither": "neither picture",
    "same count": "both have the same number of shapes",
    "other count": "no, they have {} and {}",
    "equal count": "yes, both have {}",
    "describe both": "the first picture shows {}. The second picture shows {}",
    "greeting": "hello! Show me a picture and ask me about its shapes",
    "about": "I am sightline-nano. I answer questions about pictures of colored shapes, printed "
    "words and charts",
    "thanks": "you are welcome",
    "no picture": "I need a picture to answer that",
    "outside": "I cannot answer that. I only know shapes, words and charts",
    "text": "there is no text in the picture",
    "chart": "there is no chart in the picture",
    "thought": "the picture shows {}",
    "thought of two": "the pictures show {} and {} shapes",
    "thought of none": "there is no picture",
    "thought of unread": "the picture shows something else than shapes",
}
# Of weights that know nothing but scenes.
SCENES_ANSWERS = ANSWERS | {
    "about": "I am sightline-nano. I answer questions about pictures of colored shapes",
    "outside": "I cannot answer that. I only know colored shapes",
}
ORDINALS = ("first", "second")
SYNONYMS: Phrases = {
    "gray": ("grey",),
    "in the center": ("in the middle", "in the centre"),
    "at the top left": ("in the top left corner", "at the upper left"),
    "at the top right": ("in the top right corner", "at the upper right"),
    "at the bottom left": ("in the bottom left corner", "at the lower left"),
    "at the bottom right": ("in the bottom right corner", "at the lower right"),
    "on the left": ("on the left side", "at the left"),
    "on the right": ("on the right side", "at the right"),
}
