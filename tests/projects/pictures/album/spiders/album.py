import scrapy


class AlbumSpider(scrapy.Spider):
    name = "album"
    plants = "1,4"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_urls = [f"{self.site}/plant/{number}" for number in self.plants.split(",")]

    def parse(self, response):
        yield {
            "name": response.css("h1::text").get(),
            "image_urls": [response.urljoin(source) for source in response.css("img::attr(src)").getall()],
            "file_urls": [response.urljoin(response.css("a.leaflet::attr(href)").get())],
        }
