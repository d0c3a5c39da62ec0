from itemadapter import ItemAdapter


class StampPipeline:
    def process_item(self, item, spider=None):
        ItemAdapter(item)["kind"] = type(item).__name__
        return item
