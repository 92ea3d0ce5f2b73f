"""A scraped page, asked as a query would ask it."""

from collections.abc import Iterator, Mapping

from prometheus_client.parser import text_string_to_metric_families

from jwks_operator.metrics.catalog import CATALOG, PREFIX

_LABELS = {family.full_name: family.label_names for family in CATALOG}


class Scrape:
    """Every sample of a page; names are given without the operator's prefix."""

    def __init__(self, page: str) -> None:
        self.page = page
        self._families = list(text_string_to_metric_families(page))

    def families(self) -> Iterator[tuple[str, str, str]]:
        """Name as documented, type and help of each family of the operator."""
        for family in self._families:
            if family.name.startswith(PREFIX):
                suffix = "_total" if family.type == "counter" else ""
                yield family.name.removeprefix(PREFIX) + suffix, family.type, family.documentation

    def series(self, name: str) -> Mapping[tuple[str, ...], float]:
        """The samples of one name by their label values, in the order of the catalog."""
        order = _LABELS.get(PREFIX + name.removesuffix("_count"), ())
        return {
            tuple(sample.labels[label] for label in order): sample.value
            for family in self._families
            for sample in family.samples
            if sample.name == PREFIX + name
        }

    def value(self, name: str, *labels: str) -> float:
        """One sample; 0 if it is not there, as a sum has it."""
        return self.series(name).get(labels, 0.0)

    def process(self, name: str) -> float:
        """One of the client library's samples about the process."""
        return next(sample.value for family in self._families for sample in family.samples if sample.name == name)

    def names(self) -> set[str]:
        """Every name that a query can ask for."""
        return {sample.name for family in self._families for sample in family.samples}
