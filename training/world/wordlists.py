"""What stands on receipts, in dialogs and beside charts, in English and Chinese."""

from __future__ import annotations

from typing import Literal

Script = Literal["latin", "chinese"]

SHOPS: dict[Script, tuple[str, ...]] = {
    "latin": (
        *("Cafe", "Corner", "City", "Green", "River", "Sun", "Star", "Garden", "Lake", "Moon"),
        *("Book", "Tea", "Bread", "Fish", "Flower", "Apple", "Mountain", "Sea", "Happy", "Old"),
    ),
    "chinese": (
        *("阳光", "城市", "河边", "星星", "花花", "苹果", "朋友", "欢迎", "光明", "新村"),
        *("水果", "面包", "咖啡", "茶", "鱼", "小石", "土星", "雪山", "金星", "木木"),
    ),
}
SHOP_KINDS: dict[Script, tuple[str, ...]] = {
    "latin": ("Shop", "Store", "Cafe", "Market", "House", "Bar", "Kitchen"),
    "chinese": ("商店", "店", "饭店", "茶店", "咖啡店"),
}
ITEMS: dict[Script, tuple[str, ...]] = {
    "latin": (
        *("Tea", "Coffee", "Milk", "Bread", "Rice", "Apple", "Cake", "Fish", "Egg", "Soup"),
        *("Juice", "Water", "Meat", "Salad", "Pizza", "Banana", "Sugar", "Salt", "Cheese"),
        *("Butter", "Book", "Pen", "Paper", "Lamp", "Cup", "Box", "Hat", "Sock", "Flower"),
    ),
    "chinese": (
        *("茶", "咖啡", "米", "面包", "奶茶", "果汁", "苹果", "蛋糕", "鱼", "肉", "菜", "饭"),
        *("水", "鸟蛋", "面条", "米饭", "花", "灯", "杯子", "床", "桌子", "椅子"),
    ),
}
TOTALS: dict[Script, tuple[str, ...]] = {
    "latin": ("Total", "TOTAL", "Sum", "TOTAL:", "Total:"),
    "chinese": ("总计", "合计", "总计：", "合计："),
}
CURRENCIES: dict[Script, tuple[str, ...]] = {"latin": ("", "$"), "chinese": ("", "¥")}

DIALOG_TITLES: dict[Script, tuple[str, ...]] = {
    "latin": (
        *("Error", "Warning", "Login", "Network", "Save file", "Update", "Disk", "Print"),
        *("Delete file", "Connection", "Message", "Password", "System", "Server", "Setup"),
    ),
    "chinese": (
        *("错误", "警告", "登录", "网络", "保存文件", "更新", "时间", "文件", "删除文件"),
        *("连接", "密码", "用户", "权限", "说明"),
    ),
}
# {name} becomes a random word, {number} a number, {file} a file's name.
MESSAGES: dict[Script, tuple[str, ...]] = {
    "latin": (
        "Cannot open {file}.",
        "Cannot save {file}.",
        "The file {file} does not exist.",
        "Error {number}: {name} failed.",
        "Wrong password.",
        "Wrong user name or password.",
        "Connection to {name} failed.",
        "The connection was lost.",
        "The disk is full.",
        "Not enough memory.",
        "Delete {file}?",
        "Do you want to save {file}?",
        "Server {name} does not answer.",
        "Update {number} failed.",
        "No network connection.",
        "You cannot delete {name}.",
        "Please try again in {number} minutes.",
        "Invalid input: {name}",
        "Error code {number}",
    ),
    "chinese": (
        "无效输入。",
        "密码错误。",
        "用户名或密码错误。",
        "连接失败，请重试。",
        "网络连接失败。",
        "磁盘空间不足。",
        "没有权限。",
        "保存文件失败。",
        "删除文件？",
        "加载超时，请稍后再试。",
        "错误：{number}",
        "更新失败：{number}",
        "找不到文件。",
        "你没有权限删除文件。",
        "登录超时，请重试。",
        "保存成功。",
        "请输入密码。",
        "文件夹无效。",
    ),
}
BUTTONS: dict[Script, tuple[str, ...]] = {
    "latin": ("OK", "Cancel", "Close", "Retry", "Save", "Delete", "Yes", "No", "Help", "Open"),
    "chinese": ("确定", "取消", "关闭", "重试", "保存", "删除", "说明", "登录"),
}
FILE_ENDINGS = ("txt", "pdf", "png", "csv", "zip", "doc")

LABELS: dict[Script, tuple[tuple[str, ...], ...]] = {
    "latin": (
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        ("Tea", "Coffee", "Milk", "Juice", "Water", "Cake", "Bread", "Rice", "Apple", "Fish"),
        ("Dog", "Cat", "Bird", "Horse", "Fish", "Cow", "Pig", "Duck"),
        ("North", "South", "East", "West"),
        ("A", "B", "C", "D", "E", "F", "G", "H"),
        ("2019", "2020", "2021", "2022", "2023", "2024", "2025"),
        ("Q1", "Q2", "Q3", "Q4"),
        ("Anna", "Ben", "Tom", "Eva", "Max", "Lisa", "Paul", "Kim"),
    ),
    "chinese": (
        ("一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月"),
        ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
        ("茶", "咖啡", "果汁", "奶茶", "面包", "苹果", "鱼", "米饭"),
        ("春", "夏", "秋", "冬"),
        ("猫", "狗", "鸟", "鱼", "马"),
    ),
}
CHART_TITLES: dict[Script, tuple[str, ...]] = {
    "latin": (
        *("Sales", "Visitors", "Rainfall", "Prices", "Points", "Votes", "Orders", "Users"),
        *("Sales in May", "Books read", "Hours of sun", "Cups sold", "Money spent"),
        *("Items sold", "Guests", "Days of snow", "Results", "Total sales", "Shop visits"),
    ),
    "chinese": (
        *("销售量", "温度", "雨量", "价格", "用户数量", "商店销售", "时间", "面包销售量"),
        *("咖啡价格", "文件数量", "总量", "比较", "现金", "登录用户", "成功数量"),
    ),
}
