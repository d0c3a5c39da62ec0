from itemadapter import ItemAdapter
from scrapy.exporters import BaseItemExporter
from scrapy.extensions.feedexport import ItemFilter


class CheapOnly(ItemFilter):
    def accepts(self, item):
        return bool(item["price"]) and float(item["price"].lstrip("£")) < 5


class TabExporter(BaseItemExporter):
    def __init__(self, file, **kwargs):
        super().__init__(dont_fail=True, **kwargs)
        self.file = file

    def export_item(self, item):
        adapter = ItemAdapter(item)
        values = (str(adapter.get(name, "")) for name in self.fields_to_export)
        self.file.write(("\t".join(values) + "\n").encode())
