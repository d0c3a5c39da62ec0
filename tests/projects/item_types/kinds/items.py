import datetime
import decimal
from dataclasses import dataclass, field

import attr
import pydantic
import scrapy


class Seen(scrapy.Item):
    kind = scrapy.Field()
    title = scrapy.Field()
    price = scrapy.Field(serializer=lambda value: f"{value:.2f}")


@dataclass
class Origin:
    latin: str
    regions: tuple = ("Europe", "Asia")


@dataclass
class Plant:
    title: str
    origin: Origin
    kind: str = ""
    seen: datetime.date = field(default_factory=lambda: datetime.date(2026, 3, 1))


@attr.s(auto_attribs=True)
class Offer:
    title: str
    price: decimal.Decimal
    kind: str = ""


class Label(pydantic.BaseModel):
    title: str
    printed: datetime.datetime
    kind: str = ""
    words: list[str] = []
