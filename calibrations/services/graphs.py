"""A ticket's graph as it is drawn and listed: levels, lines, what is next."""

from dataclasses import dataclass

from calibrations.domain.consequences import Consequence
from calibrations.domain.graph import Graph, find_graph
from calibrations.domain.layout import lay_out
from calibrations.models import ConstructionTicket
from calibrations.services.consequences import adopted_sets, ticket_consequences
from calibrations.services.overview import TypeNode, known_certifications, type_nodes

__all__ = ["GraphView", "Line", "graph_view"]


@dataclass(frozen=True)
class Line:
    """An edge of the graph: solid where the type that is needed is there."""

    path: str
    source: str
    target: str
    is_met: bool


@dataclass(frozen=True)
class GraphView:
    """The graph of a ticket as it is drawn and listed."""

    graph: Graph
    levels: tuple[tuple[TypeNode, ...], ...]
    lines: tuple[Line, ...]
    width: int
    height: int
    consequences: tuple[Consequence, ...]
    """What rests on an older calibration than there is."""

    @property
    def nodes(self) -> list[TypeNode]:
        """All types, level by level."""
        return [node for level in self.levels for node in level]

    @property
    def build_next(self) -> list[TypeNode]:
        """Types that nobody has begun and nothing keeps from being begun."""
        return [node for node in self.nodes if node.can_be_built]

    @property
    def n_certified(self) -> int:
        """Types that are certified."""
        return sum(node.is_certified for node in self.nodes)


def graph_view(ticket: ConstructionTicket) -> GraphView:
    """Collect a ticket's graph: nodes by level, lines, and what to rebuild."""
    adopted = adopted_sets([ticket])
    nodes = {node.type: node for node in type_nodes(ticket, adopted)}
    graph = find_graph(ticket.graph)
    layout = lay_out(graph)
    return GraphView(
        graph=graph,
        levels=tuple(tuple(nodes[one] for one in level) for level in layout.levels),
        lines=tuple(
            Line(
                edge.path,
                str(edge.source),
                str(edge.target),
                str(edge.source) not in nodes[edge.target].missing,
            )
            for edge in layout.edges
        ),
        width=layout.width,
        height=layout.height,
        consequences=tuple(
            ticket_consequences(ticket, known_certifications(ticket), adopted)
        ),
    )
