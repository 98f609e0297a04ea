"""What is asked and answered about charts."""

from __future__ import annotations

from collections.abc import Mapping

from training.talk.language import Language
from training.talk.wording import Wording

CHARTS: Mapping[Language, Wording] = {
    "en": Wording(
        "en",
        {
            "largest": (
                "Which value is the largest?",
                "Which one is the largest?",
                "Which label has the largest value?",
                "What is the highest value?",
                "Which has the highest value?",
            ),
            "smallest": (
                "Which value is the smallest?",
                "Which one is the smallest?",
                "Which label has the smallest value?",
                "What is the lowest value?",
                "Which has the lowest value?",
            ),
            "value": (
                "What is the value of {}?",
                "How much is {}?",
                "What value does {} have?",
                "What is the value for {}?",
            ),
            "more": ("Which is larger, {} or {}?", "Is {} or {} larger?"),
            "chart title": (
                "What is the title of the chart?",
                "What is the title?",
                "What is the chart about?",
                "What does the title say?",
            ),
            "chart count": (
                "How many values are there?",
                "How many values does the chart show?",
                "How many values are in the chart?",
            ),
            "bars": ("How many bars are there?", "How many bars does the chart have?"),
            "points": ("How many points are there?", "How many points does the line have?"),
            "slices": ("How many slices are there?", "How many slices does the pie have?"),
            "chart kind": (
                "What kind of chart is this?",
                "Which kind of chart is it?",
                "What type of chart is this?",
            ),
            "labels": ("Which labels are there?", "What are the labels?", "List the labels."),
            "describe": (
                "Describe the chart.",
                "Describe the image.",
                "Describe the picture.",
                "What is in the picture?",
                "What does the picture show?",
                "What does the chart show?",
            ),
        },
        {
            "largest": "{}, with {}.",
            "smallest": "{}, with {}.",
            "label alone": "{}.",
            "value": "The value of {} is {}.",
            "no label": "There is no {} in the chart.",
            "bars": "There are {} bars.",
            "points": "There are {} points.",
            "slices": "There are {} slices.",
            "chart count": "There are {} values.",
            "bar": "bar chart",
            "line": "line chart",
            "pie": "pie chart",
            "kind": "A {}.",
            "labels": "{}.",
            "described": 'A {} with the title "{}": {}.',
            "thought": 'The picture shows a {} with the title "{}".',
        },
    ),
    "zh": Wording(
        "zh",
        {
            "largest": ("哪个值最大？", "哪一个最大？", "最大的是哪个？", "最高的是哪个？"),
            "smallest": ("哪个值最小？", "哪一个最小？", "最小的是哪个？", "最低的是哪个？"),
            "value": ("{}的值是多少？", "{}是多少？", "{}的数值是多少？"),
            "more": ("{}和{}哪个大？", "{}和{}比较，哪个大？"),
            "chart title": ("图表的标题是什么？", "标题是什么？", "标题写着什么？"),
            "chart count": ("有几个数值？", "图表里有多少个数值？", "图中有几个值？"),
            "bars": ("有几个柱子？", "图中有多少个柱子？"),
            "points": ("有几个点？", "折线上有多少个点？"),
            "slices": ("饼图分成几块？", "饼图有几块？"),
            "chart kind": ("这是什么图表？", "这是哪种图表？", "这是什么类型的图表？"),
            "labels": ("有哪些标签？", "图表里有什么标签？"),
            "describe": ("描述这张图表。", "描述这张图片。", "图中有什么？", "图表显示了什么？"),
        },
        {
            "largest": "{}，数值是{}。",
            "smallest": "{}，数值是{}。",
            "label alone": "{}。",
            "value": "{}的值是{}。",
            "no label": "图表里没有{}。",
            "bars": "有{}个柱子。",
            "points": "有{}个点。",
            "slices": "有{}块。",
            "chart count": "有{}个数值。",
            "bar": "柱状图",
            "line": "折线图",
            "pie": "饼图",
            "kind": "{}。",
            "labels": "{}。",
            "described": "{}，标题是“{}”：{}。",
            "thought": "图中是{}，标题是“{}”。",
        },
    ),
}
