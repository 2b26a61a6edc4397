"""What the mini-program sends. Unknown fields are let pass; codes of fields are called after the field."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field
from pydantic_core import ErrorDetails

from server.domain.wechat_chat.mini_links import LONGEST
from server.errors import FieldError, Invalid
from server.web.schema import Input, Whole


class Body(Input):
    """A JSON body. An empty text counts as left out; what is not required is empty then.

    What is refused is `{field}_missing` or `{field}_form`, as programs at work rely on.
    """

    model_config = ConfigDict(extra="ignore")
    needs_media_type: ClassVar[bool] = False
    unfit: ClassVar[re.Pattern[str]] = re.compile("\x00")

    @classmethod
    def is_empty(cls, name: str, value: Any) -> bool:
        field = cls.model_fields.get(name)
        return field is not None and (value is None or value == ("" if field.annotation is str else []))

    @classmethod
    def refusal(cls, error: ErrorDetails) -> FieldError:
        name = str(error["loc"][0])
        called = cls.model_fields[name].description
        if error["type"] == "missing":
            return FieldError(f"/{name}", f"{name}_missing", f"缺少{called}。")
        return FieldError(f"/{name}", f"{name}_form", f"{called}的格式不对。")

    @classmethod
    def not_an_object(cls) -> Exception:
        return Invalid(errors=[FieldError("", "body_form", "请求内容应为 JSON 对象。")])


_NO_CODE = FieldError("/code", "code_missing", "缺少 wx.login 得到的 code，请重新打开小程序。")


class LogIn(Body):
    """Whatever is wrong with it, the mini-program has to call wx.login again."""

    code: str = Field(max_length=200, description="wx.login 得到的 code")

    @classmethod
    def refusal(cls, error: ErrorDetails) -> FieldError:
        return _NO_CODE

    @classmethod
    def not_an_object(cls) -> Exception:
        return Invalid(errors=[_NO_CODE])


class Bind(Body):
    name: str = Field(max_length=200, description="姓名")
    id_number: str = Field(max_length=60, description="证件号码")
    captcha: str = Field(default="", max_length=20, description="图中的字符")
    phone_last4: str = Field(default="", max_length=20, description="手机号后四位")
    phone_code: str = Field(default="", max_length=200, description="手机号授权码")


class GivePhone(Body):
    phone_code: str = Field(max_length=200, description="手机号授权码")


class Accepted(Body):
    accepted: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(
        max_length=20, description="已同意的通知"
    )


class NoticeChoice(Body):
    choice: str = Field(min_length=1, max_length=20, description="哪一种通知")
    wants: bool = Field(description="是否接收")


class Link(Body):
    q: str = Field(max_length=LONGEST, description="二维码内容")


class Pin(Body):
    pin: str = Field(max_length=20, description="签发密码")


class Return(Pin):
    reason: str = Field(default="", max_length=1000, description="退回原因")


class Pair(Body):
    code: str = Field(max_length=20, description="配对码")
    pin: str = Field(max_length=20, description="签发密码")


class NewOrder(Body):
    fees: list[Whole] = Field(max_length=500, description="要缴的费用")
