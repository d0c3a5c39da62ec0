from scrapy.spiders import CSVFeedSpider, XMLFeedSpider


class StockXmlSpider(XMLFeedSpider):
    name = "stock_xml"
    iterator = "iternodes"
    itertag = "plant"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_urls = [f"{self.site}/stock.xml"]

    def parse_node(self, response, node):
        return {
            "id": int(node.xpath("@id").get()),
            "name": node.xpath("name/text()").get(),
            "stock": int(node.xpath("stock/text()").get()),
        }


class StockCsvSpider(CSVFeedSpider):
    name = "stock_csv"
    delimiter = ";"
    headers = ["id", "name", "stock"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_urls = [f"{self.site}/stock.csv"]

    def parse_row(self, response, row):
        return {"id": int(row["id"]), "name": row["name"], "stock": int(row["stock"])}
