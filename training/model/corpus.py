"""The text that the tokenizer learns from: words of the world, and plain sentences of ours."""

from __future__ import annotations

import random
from collections.abc import Iterator

from training.model.characters import known_characters


def words(text: str) -> list[str]:
    return text.split()


# Words which become one token each, with a space before them and at the start of a sentence.
WORLD_WORDS = words(
    """
circle square rectangle triangle star cross heart ring diamond arrow circles squares rectangles
triangles stars crosses hearts rings diamonds arrows shape shapes red green blue yellow purple
orange pink brown black gray grey white color colour colors colours colored coloured top bottom
left right center centre middle corner edge above below beside between under over next near
place places where picture pictures image images photo drawing one two three four five six seven
eight nine ten eleven twelve zero none nothing no yes not many count number numbers total first
second third last both each all any some other another same different compare more less fewer
most least bigger smaller larger smallest largest biggest highest lowest chart charts bar bars
line lines pie slice slices value values title label labels axis month months sales price prices
receipt receipts item items tax sum cash change card paid store shop date time error errors
warning dialog dialogue window button buttons message text word words letter letters read reads
reading written write printed print says say said cancel close retry save delete file files
network connection failed success password login user name names update box boxes find locate
position coordinates object objects kind key list json describe description see seen shown shows
show look tell answer question help hello hi thanks thank please sorry sure welcome world
outside inside know cannot small large big little tiny light dark plain noisy background
"""
)

COMMON_WORDS = words(
    """
the a an and or but if of to in on at by for with from as is are was were be been being am it
its this that these those there here he she they we you I me my your his her their our us them
who what which when why how do does did done can could will would shall should may might must
have has had get got go goes went come came make made take took give gave put use used need want
like think thought because so then than also too very just only even still again already always
never often sometimes now today tomorrow yesterday year day week hour minute up down out off
into about after before through during without within across along around against while until
since every few much own such new old good bad better best great high low long short early late
young important public able man woman child children people person family friend house home room
door table chair book page school city street car road water fire earth air food drink tea
coffee bread milk rice apple cake fish tree flower grass dog cat bird horse sun moon sky sea
river mountain rain snow wind summer winter spring hand head face eye eyes life work job way
thing things part side end point case fact group problem program system company country state
government money business market game story idea body hour night morning evening head open start
stop run walk turn move play keep let begin seem feel try leave call ask talk speak hear live
believe hold bring happen sit stand lose pay meet include continue set learn lead understand
watch follow create add spend grow win offer remember love consider appear buy wait serve send
build stay fall cut reach kill remain suggest raise pass sell require report decide pull model
language vision data code python server client request response token tokens input output
example test true false null
"""
)

CHINESE_WORDS = words(
    """
红色 绿色 蓝色 黄色 紫色 橙色 粉色 棕色 黑色 灰色 白色 颜色 圆形 正方形 长方形 三角形 五角星
星形 十字 十字形 心形 圆环 菱形 箭头 形状 图形 左上角 右上角 左下角 右下角 左边 右边 上方 下方
中间 中央 顶部 底部 左侧 右侧 上面 下面 位置 图片 图中 这张 这幅 有多少 多少个 几个 一个 两个
三个 四个 五个 六个 什么 哪里 哪个 什么颜色 什么形状 是什么 在哪里 请描述 描述 没有 还有 以及 和
是的 不是 可以 看到 看见 没有图片 请先 柱状图 折线图 饼图 图表 标题 最大 最小 最高 最低 数值
总计 合计 收据 小票 价格 日期 时间 错误 警告 提示 按钮 窗口 对话框 确定 取消 关闭 重试 保存 删除
文件 网络 连接 失败 成功 密码 用户 登录 更新 文字 单词 写着 读出 数字 坐标 我们 你们 他们 自己
知道 因为 所以 如果 但是 时候 现在 今天 明天 你好 谢谢 抱歉 问题 回答
"""
)

PATTERNS = (
    '{{"shape": "{0}", "color": "{1}", "place": "{2}"}}, ',
    "A {1} {0} at the {2}, a {1} {0} in the {2} and a {1} {0}.\n",
    "There are {0} {1}. There is no {2}.\n",
    "What is the {0} of the {1}? Where is the {2}?\n",
    "I don't know the {0}; it's not in my {1}, isn't it?\n",
    "{0}: {1} ({2})\n",
    "The {0} and the {1} are in the {2}.\n",
    "- {0}\n- {1}\n- {2}\n",
    "1. {0} = {1}; 2. {2} % $ € ¥\n",
    "# {0}\n\n```\n{1}({2}) {{ return; }}\n```\n",
)
CHINESE_PATTERNS = (
    "图中有{0}，{1}和{2}。",
    "{0}在哪里？{1}在{2}。",
    "请问{0}是什么？是{1}。",
    "没有{0}；有{1}、{2}！",
)


def corpus(seed: int = 0) -> Iterator[str]:
    """Text in which every known word and character is frequent enough to become a token."""
    rng = random.Random(seed)
    known = WORLD_WORDS + COMMON_WORDS
    # A line each, because the pre-tokenizer joins a word with the space before it.
    yield from (f"{character}\n" * 3000 for character in known_characters())
    for word in known:
        yield f" {word}" * (1500 if word in WORLD_WORDS else 700)
    for word in known:
        if word.islower():
            yield f"{word.capitalize()}\n" * 300
    yield from (f"{word}\n" * 200 for word in WORLD_WORDS)
    yield from (f"{word}\n" * 500 for word in CHINESE_WORDS)
    for _ in range(6000):
        yield rng.choice(PATTERNS).format(*rng.sample(known, 3))
        yield rng.choice(CHINESE_PATTERNS).format(*rng.sample(CHINESE_WORDS, 3))
