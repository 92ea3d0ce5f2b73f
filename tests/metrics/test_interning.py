"""What sets have in common is kept once, and what no set looks like any more is not kept at all."""

from dataclasses import replace

from jwks_operator.api.names import SetRef
from jwks_operator.metrics.interning import FEW, InternPool
from jwks_operator.metrics.set_gauges import SetGauges
from jwks_operator.statuspage.board import Board
from metrics.crowd import look

REF = SetRef("shop", "auth")
CHANGES = 20 * FEW


def test_equal_values_are_one_value() -> None:
    shared = InternPool[tuple[int, ...]](list)
    first = shared.same((1, 2))
    assert shared.same((*first[:1], 2)) is first


def test_values_that_live_stay_one_value_however_many_others_come_and_go() -> None:
    living: list[tuple[int, ...]] = []
    shared = InternPool(lambda: living)
    living.append(shared.same((1, 2)))
    for number in range(CHANGES):
        shared.same((number,))
    assert shared.same((*living[0][:1], 2)) is living[0]
    assert len(shared) <= 2 * FEW


async def test_a_set_that_is_edited_again_and_again_leaves_no_trace_of_its_former_specs() -> None:
    this, board, former = await look(), Board(), set()
    assert this.record is not None
    for number in range(CHANGES):
        policy = replace(this.record.policy, held=(f"key-{number}",))
        board.show_status(REF, replace(this, record=replace(this.record, policy=policy)))
        former.add(board.sets[REF].policy)
    assert len(former) == CHANGES
    assert len(board._policies) <= 2 * FEW


async def test_a_set_that_looked_many_ways_is_remembered_as_it_looks_now() -> None:
    this, survey = await look(), SetGauges()
    for number in range(CHANGES):
        conditions = [each.model_copy(update={"reason": f"Reason{number}"}) for each in this.status.conditions]
        status = this.status.model_copy(update={"conditions": conditions})
        survey.show_status(REF, replace(this, status=status))
    assert len(survey._same_conditions) <= 2 * FEW
