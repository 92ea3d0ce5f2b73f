"""Revocation wins over each of the 864 combinations; tests/reconcile has a third of them."""

from itertools import product

import pytest

from reconcile.test_revocation_everywhere import CLOCKS, RECORDS, SPECS, STATES, check_combination


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("spec", SPECS)
async def test_every_object_that_can_be_written_gives_a_revoked_key_up(spec: str, record: str, clock: str) -> None:
    for configmap, secret in product(STATES, STATES):
        await check_combination(spec, record, clock, configmap, secret)
