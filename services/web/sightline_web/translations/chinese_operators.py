"""The operators' page in simplified Chinese, by its English sentences."""

from __future__ import annotations

OPERATORS = {
    "Several generators answer in turn, or one that keeps restarting. What stands here is one"
    " generator's at a time, and rates are left out; the services' metrics have all of them.": (
        "有多个生成服务轮流应答，或某个服务不断重启。这里每次显示的是其中一个的数值，不显示速率；"
        "各服务的 metrics 中有全部数据。"
    ),
    "Services": "服务状态",
    "The last ten minutes": "最近十分钟",
    "The last ten minutes as a table": "最近十分钟的数据表",
    "Time (UTC)": "时间（UTC）",
    "The generator cannot be reached, or has not been asked yet.": "无法连接生成服务，或尚未查询。",
    "Tokens written a second": "每秒生成词元",
    "Prompt tokens a second": "每秒提示词元",
    "Running": "运行中",
    "Waiting": "排队中",
    "KV cache in use": "KV 缓存占用",
    "Prefix cache hits": "前缀缓存命中",
    "Feature cache hits": "特征缓存命中",
    "{title}: nothing is known yet.": "{title}：暂无数据。",
    "{title}: now {now}, from {low} to {high}.": "{title}：当前 {now}，范围 {low} 至 {high}。",
    "Work": "工作量",
    "Model": "模型",
    "Architecture": "架构",
    "Checkpoint": "检查点",
    "Runs on": "运行于",
    "Context": "上下文",
    "KV cache": "KV 缓存",
    "Version": "版本",
    "Free KV blocks": "空闲 KV 块",
    "Tokens written since start": "启动以来生成的词元",
    "Prompt tokens since start": "启动以来的提示词元",
    "Prompt tokens from the prefix cache": "来自前缀缓存的提示词元",
    "Computed again for want of room": "因空间不足而重算",
    "Failed": "失败",
    "Encoders and their feature cache": "编码服务与特征缓存",
    "available": "可用",
    "not available": "不可用",
    "Encoder": "编码服务",
    "Tier": "层级",
    "Hits": "命中",
    "Entries": "条目",
    "Size": "大小",
    "Evicted": "已淘汰",
    "Faults": "故障",
    "Time saved": "节省时间",
    "memory": "内存",
    "disk": "磁盘",
    "shared": "共享",
    "other": "其他",
}
