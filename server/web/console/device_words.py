"""A browser in words, from what it says of itself: enough to know one's own log-ins by."""

from __future__ import annotations

SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("HarmonyOS", "鸿蒙"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)
# In this order: many call themselves by each other's names as well.
BROWSERS = (
    ("MicroMessenger/", "微信"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("QQBrowser/", "QQ 浏览器"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)


def device_words(agent: str) -> str:
    """Windows 上的 Chrome, for a User-Agent; 未知设备 where it says nothing that is known. Never the text itself."""
    agent = agent[:1000]
    system = next((words for sign, words in SYSTEMS if sign in agent), "")
    browser = next((words for sign, words in BROWSERS if sign in agent), "")
    if system and browser:
        return f"{system} 上的 {browser}"
    return system or browser or "未知设备"
