"""Signing in and accounts in simplified Chinese, by their English sentences."""

from __future__ import annotations

ACCOUNTS = {
    "Sign in": "登录",
    "Sign in to Sightline": "登录 Sightline",
    "Name": "名称",
    "Password": "密码",
    "The name or the password is wrong.": "名称或密码不正确。",
    "Too many attempts. Try again in {n} minutes.": "尝试次数过多，请在 {n} 分钟后再试。",
    "Too many are signing in. Try again in a moment.": "登录的人太多，请稍后再试。",
    "The sign-in took too long. Begin again.": "登录耗时过长，请重新开始。",
    "The sign-in failed. Try again; the server's log says why.": (
        "登录失败，请重试；原因见服务器日志。"
    ),
    "Your account may not use this service.": "你的账户无权使用此服务。",
    "You are signed out.": "你已退出登录。",
    "Sign out": "退出登录",
    "Sign out on all devices": "在所有设备上退出登录",
    "Sessions": "登录状态",
    "Your account": "你的账户",
    "This page is for operators.": "此页面仅供运维人员使用。",
    "API keys": "API 密钥",
    "A key lets a program ask in your name. It cannot read your conversations.": (
        "程序可以用密钥以你的名义提问，但不能读取你的对话。"
    ),
    "This is the only time that the key is shown. Copy it now:": "密钥只显示这一次，请立即复制：",
    "Copy the key": "复制密钥",
    "Key": "密钥",
    "Valid until": "有效期至",
    "Last used": "上次使用",
    "never": "从未",
    "Revoke": "撤销",
    "Revoke {name}": "撤销“{name}”",
    "Valid for": "有效时间",
    "{n} days": "{n} 天",
    "Make a key": "新建密钥",
    "Give the key a name.": "请给密钥取个名称。",
    "Choose how long the key is valid.": "请选择密钥的有效时间。",
    "You have {n} keys. Revoke one first.": "你已有 {n} 个密钥，请先撤销一个。",
}
