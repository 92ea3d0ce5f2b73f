"""Whatever is done to two replicas, they never write at the same time."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.reading import condition
from ha.test_replicas import create_set, objections, trespasses
from ha.world import SHOP, Net, Replica, World, jittery
from jwks_operator.kube.client import SETS, Call, Object
from jwks_operator.kube.lease import Terms

MARGIN = Terms().duration - Terms().deadline


def the_set(world: World) -> Object:
    body = world.server.handle(Call("GET", SETS.path(SHOP, "auth"))).body
    assert body is not None
    return body


Deed = tuple[str, int, float, float]
DEEDS = st.tuples(
    st.sampled_from(["stop", "stop", "kill", "end", "slow", "lossy", "cut", "wait", "wait"]),
    st.integers(0, 1),
    st.floats(0.0, 25.0),
    st.floats(0.0, 1.0),
)


@dataclass
class Pair:
    """Two pods; each is replaced when its process ends."""

    world: World

    def __post_init__(self) -> None:
        self.lives = 0
        self.pods = [self.begin(), self.begin()]

    def begin(self) -> Replica:
        self.lives += 1
        return Replica(self.world, f"life-{self.lives}")

    def do(self, deed: Deed) -> None:
        what, which, seconds, share = deed
        pod = self.pods[which]
        if what == "stop":
            pod.pause()
            self.world.advance(seconds)
            pod.resume()
        elif what == "kill":
            pod.crash()
            self.world.advance(share)
            self.pods[which] = self.begin()
        elif what == "end":
            pod.terminate()
            self.world.advance(share * 3)
            pod.crash()
            self.pods[which] = self.begin()
        elif what == "slow":
            pod.wire.net = jittery(self.lives, MARGIN - 0.01, 0.0)
        elif what == "lossy":
            pod.wire.net = jittery(self.lives, 0.2, share / 2)
        elif what == "cut":
            pod.wire.cut = True
            self.world.advance(seconds)
            pod.wire.cut = False
        self.world.advance(seconds / 4)

    def heal(self) -> None:
        for pod in self.pods:
            pod.resume()
            pod.wire.net = lambda _: Net()
            pod.wire.cut = False


@settings(max_examples=25)
@given(st.lists(DEEDS, min_size=1, max_size=6))
def test_nobody_writes_while_the_lease_names_another(deeds: list[Deed]) -> None:
    world = World()
    try:
        create_set(world)
        pair = Pair(world)
        world.advance(3)
        for deed in deeds:
            pair.do(deed)
        pair.heal()
        world.advance(40)
        assert trespasses(world) == []
        assert objections(world) == []
        assert [pod.leads() for pod in pair.pods].count(True) == 1
        assert condition(the_set(world), "Ready")["status"] == "True"
        assert [pod for pod in pair.pods if pod.writes()], "and they did work"
    finally:
        world.close()
