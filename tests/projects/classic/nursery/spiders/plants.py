import scrapy

from nursery.items import PlantLoader


class PlantsSpider(scrapy.Spider):
    name = "plants"

    def __init__(self, site="http://localhost:8000", *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_urls = [f"{site}/plants/"]

    def parse(self, response):
        yield from response.follow_all(css="li.plant a", callback=self.parse_plant)
        yield from response.follow_all(css="a[rel=next]")

    def parse_plant(self, response):
        loader = PlantLoader(response=response)
        loader.add_css("name", "h1::text")
        loader.add_css("latin", "p.latin i::text")
        loader.add_css("price", "p.price::text")
        loader.add_css("stock", "p.stock::text")
        loader.add_value("url", response.url)
        yield loader.load_item()
