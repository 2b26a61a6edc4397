"""Every number of WeChat's that the sandbox holds its callers to (wechat.md), in one place."""

from __future__ import annotations

# access tokens (wechat.md §2)
TOKEN_SECONDS = 7200
TOKEN_OVERLAP_SECONDS = 300
TOKEN_LENGTH = 512
FORCE_REFRESH_A_DAY = 20
FORCE_REFRESH_GAP_SECONDS = 30
PLAIN_TOKENS_A_DAY = 2000
STABLE_TOKENS_A_MINUTE = 10_000
STABLE_TOKENS_A_DAY = 500_000
CLEAR_QUOTA_A_MONTH = 10

# codes of wx.login, OAuth and the phone button (§3.1, §4.1, §4.2)
CODE_SECONDS = 300
WEB_TOKEN_SECONDS = 7200
REFRESH_TOKEN_SECONDS = 30 * 86400
STATE_BYTES = 128
LOGINS_A_MINUTE = 100

# JS-SDK (§3.2)
TICKET_SECONDS = 7200

# pushes (§1.4)
PUSH_SECONDS = 5.0
PUSH_RETRIES = 3
REPLY_TEXT_BYTES = 2048
REPLY_ARTICLES_FOR_MESSAGES = 1
REPLY_ARTICLES = 8

# customer-service messages (§6.5): seconds and how many messages
WINDOWS = {
    "message": (48 * 3600, 5),
    "tap": (60, 3),
    "mp_message": (48 * 3600, 5),
    "mp_enter": (60, 2),
}

# menu (§6.1), in bytes
MENU_BUTTONS = 3
MENU_SUB_BUTTONS = 5
MENU_NAME_BYTES = 16
MENU_SUB_NAME_BYTES = 60
MENU_KEY_BYTES = 128
MENU_URL_BYTES = 1024

# parametric QR (§6.2)
QR_SECONDS_MOST = 2_592_000
QR_SECONDS_DEFAULT = 30
QR_SCENE_STR_LENGTH = 64
QR_LIMIT_SCENE_MOST = 100_000

# mini-program codes and links (§4.3)
SCENE_LENGTH = 32
CODE_WIDTH = (280, 1280)
CODE_WIDTH_DEFAULT = 430
CODES_A_MINUTE = 5000
LINK_QUERY_LENGTH = 1024
LINK_DAYS = 30
LINKS_A_DAY = 500_000

# template messages (§5)
CLIENT_MSG_SECONDS = 600
SEND_TEMPLATE_A_DAY = 100_000
TEMPLATE_VALUE_SHOWN = 20
TEMPLATES_MOST = 25
TEMPLATE_KEYWORDS = (2, 5)
SCENE_DESCRIPTION_LENGTH = 15
TITLES_A_PAGE = 30

# what a new account may do in a day (§2)
A_DAY = {
    "/cgi-bin/menu/create": 1_000,
    "/cgi-bin/menu/get": 10_000,
    "/cgi-bin/menu/delete": 1_000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/message/template/send": SEND_TEMPLATE_A_DAY,
    "/cgi-bin/message/subscribe/send": 10_000_000,
    "/cgi-bin/qrcode/create": 100_000,
    "/cgi-bin/user/get": 500,
    "/cgi-bin/user/info": 5_000_000,
    "/cgi-bin/token": PLAIN_TOKENS_A_DAY,
    "/cgi-bin/stable_token": STABLE_TOKENS_A_DAY,
    "/wxa/generate_urllink": LINKS_A_DAY,
    "/wxa/generatescheme": LINKS_A_DAY,
}
A_MINUTE = {
    "/cgi-bin/stable_token": STABLE_TOKENS_A_MINUTE,
    "/wxa/getwxacodeunlimit": CODES_A_MINUTE,
}

# the sandbox's own
TIMELINE_ENTRIES = 3000
BODY_BYTES = 2 * 1024 * 1024
