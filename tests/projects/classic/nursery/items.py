import scrapy
from itemloaders.processors import Compose, MapCompose, TakeFirst
from scrapy.loader import ItemLoader


def in_stock(text):
    return int(text.split()[0])


class PlantItem(scrapy.Item):
    name = scrapy.Field()
    latin = scrapy.Field()
    price = scrapy.Field()
    currency = scrapy.Field()
    stock = scrapy.Field(serializer=int)
    number = scrapy.Field()
    url = scrapy.Field()


class PlantLoader(ItemLoader):
    default_item_class = PlantItem
    default_input_processor = MapCompose(str.strip)
    default_output_processor = TakeFirst()

    stock_in = Compose(TakeFirst(), in_stock)
