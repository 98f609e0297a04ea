"""The page in simplified Chinese, by its English sentences."""

from __future__ import annotations

from sightline_web.translations.chinese_accounts import ACCOUNTS
from sightline_web.translations.chinese_operators import OPERATORS

CHINESE = {
    **ACCOUNTS,
    **OPERATORS,
    # page
    "New conversation": "新对话",
    "Conversation": "对话",
    "Earlier messages": "更早的消息",
    "Show earlier messages": "显示更早的消息",
    "Show all; {n} more": "全部显示（还有 {n} 条）",
    "Conversations": "对话列表",
    "This conversation": "此对话",
    "Messages": "消息",
    "Message": "消息",
    "Your message": "你的消息",
    "You": "你",
    "Skip to the message box": "跳到输入框",
    "Back to Sightline": "返回 Sightline",
    "What would you like to see?": "想看懂什么？",
    "Drop a picture below and ask about it, in English or Chinese.": (
        "把图片拖到下面并提问，中文英文都可以。"
    ),
    "Pictures to try": "可以试试的图片",
    "Three shapes": "三个图形",
    "Describe the image.": "描述这张图片。",
    "How many shapes are there?": "图中有几个图形？",
    "What is at the top right?": "右上角是什么？",
    "Four shapes in a tall picture": "竖图中的四个图形",
    "Two hearts": "两颗心",
    "Language": "语言",
    "Colours": "配色",
    "Enter key": "回车键",
    "Enter: new line": "回车换行",
    "Enter: send": "回车发送",
    "As the system": "跟随系统",
    "Light": "浅色",
    "Dark": "深色",
    # composer
    "Ask about a picture, or anything": "问问图片，或者任何问题",
    "Add picture": "添加图片",
    "Add pictures": "添加图片",
    "Take a picture": "拍照",
    "Pages": "页码",
    "Pages of a PDF": "PDF 页码",
    "1 page": "1 页",
    "{n} pages": "{n} 页",
    "{name}, page {n}": "{name} 第 {n} 页",
    "Remove": "移除",
    "Write pages like 1-3, 5; at most {n} of them.": "页码请写成 1-3, 5 的形式，最多 {n} 页。",
    "{name} is damaged or no PDF. Choose another file.": "{name} 已损坏或不是 PDF，请换一个文件。",
    "{name} is protected by a password. Save it without one.": (
        "{name} 有密码保护，请另存为无密码的文件。"
    ),
    "{name} has only {n} pages.": "{name} 只有 {n} 页。",
    "A page of {name} is too long and thin. Leave it out.": "{name} 中有一页过于细长，请不要选它。",
    "{name} takes too long to draw. Ask for fewer pages, or save it anew.": (
        "{name} 绘制时间过长，请减少页数或重新保存。"
    ),
    "Too many PDFs are being drawn. Try {name} again in a moment.": (
        "正在绘制的 PDF 太多，请稍后再试 {name}。"
    ),
    "This model takes no videos. Send pictures of them.": "此模型不支持视频，请发送视频的截图。",
    "or drop it anywhere on this box": "或拖到此框任意位置",
    "Uploading": "正在上传",
    "Send": "发送",
    "Remove {name}": "移除 {name}",
    "Picture": "图片",
    "Own presets": "我的预设",
    "Name of a preset": "预设名称",
    "Keep these settings": "保存当前设置",
    "You keep {n} presets already. Delete one first.": "你已有 {n} 个预设，请先删除一个。",
    "Give the preset a name of at most {n} characters.": "请为预设取一个不超过 {n} 个字符的名称。",
    # answers
    "Looking…": "正在看图……",
    "Thinking": "思考",
    "Thought for {s} s": "思考了 {s} 秒",
    "Stop": "停止",
    "Versions": "版本",
    "Earlier version": "上一版本",
    "Later version": "下一版本",
    "Edit and ask again": "修改后重新提问",
    "Ask again": "重新提问",
    "Go on": "继续",
    "Answer again": "重新回答",
    "Copy the answer": "复制回答",
    "Open {name}": "打开 {name}",
    "Close": "关闭",
    "Places that the answer names": "回答所指的位置",
    "1 token": "1 个词元",
    "{n} tokens": "{n} 个词元",
    "first after {s} s": "首个词元 {s} 秒",
    "{rate} tokens/s": "每秒 {rate} 个词元",
    "{n} prompt tokens from cache": "缓存命中 {n} 个词元",
    # history
    "Search": "搜索",
    "Search conversations": "搜索对话",
    "Nothing found.": "没有找到。",
    "Nothing here yet.": "这里还没有对话。",
    "Title": "标题",
    "Rename": "重命名",
    "Pin": "置顶",
    "Unpin": "取消置顶",
    "Pinned": "已置顶",
    "Delete": "删除",
    "Delete {name}": "删除“{name}”",
    "“{title}” was deleted.": "已删除“{title}”。",
    "Undo": "撤销",
    "Share a link to read": "分享只读链接",
    "Withdraw all links": "撤回所有链接",
    "Whoever has this link can read the conversation as it is now:": (
        "拥有此链接的人可以阅读目前的对话："
    ),
    "Copy the link": "复制链接",
    "Shared conversation": "分享的对话",
    "Save as {kind}": "另存为 {kind}",
    "Read in a saved conversation": "导入已保存的对话",
    "Read in": "导入",
    "JSON file": "JSON 文件",
    "Choose one file.": "请选择一个文件。",
    "This file is not a conversation that Sightline saved as JSON.": (
        "此文件不是 Sightline 保存的 JSON 对话。"
    ),
    # settings
    "Settings": "设置",
    "Presets": "预设",
    "Precise": "精确",
    "Creative": "创意",
    "Customer service": "客服",
    "Education": "教育",
    "Moderation": "内容审核",
    "Report": "报告",
    "Temperature": "温度",
    "Top p": "Top p",
    "Top k": "Top k",
    "Max tokens": "最多词元数",
    "Repetition penalty": "重复惩罚",
    "Seed": "随机种子",
    "any": "任意",
    "as the model does": "由模型决定",
    "on": "开",
    "off": "关",
    "Picture detail": "图片精细度",
    "automatic": "自动",
    "low, faster": "低，更快",
    "high": "高",
    "Instructions": "指令",
    "What the model should keep in mind in this conversation": "模型在本次对话中应记住什么",
    "temperature {t} · top p {p} · at most {n} tokens": "温度 {t} · top p {p} · 最多 {n} 个词元",
    # refusals
    "{label} must be a number from {minimum} to {maximum}.": (
        "{label}必须是 {minimum} 到 {maximum} 的数。"
    ),
    "Picture detail must be auto, low or high.": "图片精细度必须是自动、低或高。",
    "The instructions are longer than {n} characters.": "指令超过了 {n} 个字符。",
    "A picture is no longer there. Choose it again.": "有一张图片已不存在，请重新选择。",
    "Choose a picture.": "请选择一张图片。",
    "Write a question or add a picture.": "请写下问题或添加图片。",
    "Write a title.": "请填写标题。",
    "Wait for the answer, or stop it first.": "请等回答结束，或先停止它。",
    "This cannot be done with this message.": "不能对这条消息这样做。",
    "{name} is empty. Choose another file.": "{name} 是空文件，请选择其他文件。",
    "{name} is larger than {n} MiB. Choose a smaller file.": (
        "{name} 超过 {n} MiB，请选择更小的文件。"
    ),
    "{name} is not a picture of a known kind: PNG, JPEG, WebP, GIF or PDF.": (
        "{name} 不是可识别的图片，请使用 PNG、JPEG、WebP、GIF 或 PDF。"
    ),
    # how answers end
    "You stopped this answer.": "你停止了这个回答。",
    "The server was restarted before this answer was finished. Go on, or ask again.": (
        "回答完成前服务器重启了，可以继续，或重新提问。"
    ),
    "The answer reached its maximum length. Go on, or raise it under Settings.": (
        "回答达到了最大长度，可以继续，或在设置中调高。"
    ),
    "The conversation has become too long for the model. Start a new one, or ask with fewer"
    " pictures.": "对话对模型来说太长了。请开始新对话，或减少图片。",
    "The picture is empty. Choose another file.": "图片是空文件，请选择其他文件。",
    "The picture is damaged and cannot be read. Choose another file.": (
        "图片已损坏，无法读取，请选择其他文件。"
    ),
    "The picture could not be opened. Save it anew, or smaller.": (
        "图片无法打开，请另存或缩小后再试。"
    ),
    "The picture is of a kind that the model cannot read. Use PNG, JPEG, WebP or GIF.": (
        "模型无法读取这种图片，请用 PNG、JPEG、WebP 或 GIF。"
    ),
    "The pictures are too large. Send fewer or smaller ones.": "图片太大，请减少数量或缩小尺寸。",
    "The picture is too long and thin. Crop it.": "图片过于细长，请裁剪。",
    "The model is busy. Try again in a moment.": "模型正忙，请稍后再试。",
    "The model is starting or cannot be reached. Try again in a moment.": (
        "模型正在启动或无法连接，请稍后再试。"
    ),
    "Pictures cannot be read at the moment. Try again shortly.": "暂时无法读取图片，请稍后再试。",
    "The services run different models. Ask whoever runs them to restart both.": (
        "各服务运行的模型不一致，请让管理员重启它们。"
    ),
    "The answer took too long and was ended.": "回答耗时过长，已被结束。",
    "The model does not accept these settings. Change them and ask again.": (
        "模型不接受这些设置，请修改后重新提问。"
    ),
    "The model does not know one of these settings.": "模型不认识其中一项设置。",
    "Something went wrong on the server. Try again; its log has the details.": (
        "服务器出错了，请重试；详情见其日志。"
    ),
}
