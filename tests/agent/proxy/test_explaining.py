"""What a node does with a Service, for people."""

from agent.proxy.explaining import explain, parse, problems
from agent.proxy.restoring import render
from agent.proxy.rules import Place, assemble, render_service
from agent.services import Endpoint, Port, Service

PLACE = Place("n1", "10.42.0.0/16", "10.43.0.0/16")
WEB = Service(
    "default",
    "web",
    cluster_ips=("10.43.0.5",),
    ports=(Port("http", "TCP", 80, 30080),),
    endpoints=(
        Endpoint("10.42.0.2", (("http", "TCP", 8080),), node="n1", pod=("default", "web-1")),
        Endpoint("10.42.1.2", (("http", "TCP", 8080),), node="n2"),
        Endpoint("10.42.1.3", (("http", "TCP", 8080),), node="n2", ready=False),
    ),
)


def kernel(service=WEB):
    text = render(assemble({service.key: render_service(service, PLACE)}, (), PLACE))
    return "\n".join(f"[3:180] {line}" if line.startswith("-A ") else line for line in text.splitlines())


def test_what_is_printed():
    lines = list(explain(WEB, PLACE, parse(kernel())))
    assert lines[0] == "default/web (ClusterIP)"
    assert "  endpoint   10.42.0.2:8080 ready, here default/web-1" in lines
    assert "  endpoint   10.42.1.3:8080 not ready, n2" in lines
    assert "           3 packets  -p tcp -j DNAT --to-destination 10.42.1.2:8080" in lines
    assert lines[-1] == "  the kernel agrees with the cluster"


def test_where_they_differ_it_is_said():
    assert problems(WEB, PLACE, parse(kernel())) == []
    flushed = parse("")
    assert "nothing leads from 10.43.0.5 to W:default/web:http" in problems(WEB, PLACE, flushed)
    old = parse(kernel().replace("10.42.1.2:8080", "10.42.1.9:8080"))
    wrong = "chain W:default/web:http leads to 10.42.0.2:8080 10.42.1.9:8080, not 10.42.0.2:8080 10.42.1.2:8080"
    assert problems(WEB, PLACE, old) == [wrong]
    assert f"  wrong      {wrong}" in explain(WEB, PLACE, old)
