"""labgrid's words for a virtual node: a resource, its power switch, its console, and the strategy between their states.

labgrid loads this file by the environment's `imports`; the cluster that the node is near is given by `conftest.py`.
"""

import enum

import attr
from labgrid.driver import Driver
from labgrid.driver.commandmixin import CommandMixin
from labgrid.driver.powerdriver import PowerResetMixin
from labgrid.factory import target_factory
from labgrid.protocol import CommandProtocol, PowerProtocol
from labgrid.resource import Resource
from labgrid.step import step
from labgrid.strategy import Strategy, StrategyError, never_retry

SECONDS = 60


@target_factory.reg_resource
@attr.s(eq=False)
class VirtualNode(Resource):
    """A node that `master virtual` makes: its name, MiB of memory and CPUs."""

    name = attr.ib(validator=attr.validators.instance_of(str))
    memory = attr.ib(default=1024, validator=attr.validators.instance_of(int))
    cpus = attr.ib(default=1.0, validator=attr.validators.instance_of(float))
    cluster = attr.ib(default=None, init=False)
    """The cluster of the test run, whose commands make and switch the node."""

    def make(self):
        self.cluster.master("virtual create", self.name, "--memory", self.memory, "--cpus", self.cpus)

    def destroy(self):
        self.cluster.master("virtual destroy", self.name, check=False)


@target_factory.reg_driver
@attr.s(eq=False)
class VirtualPowerDriver(Driver, PowerResetMixin, PowerProtocol):
    """The plug: off ends every process of the node at once, its disk stays."""

    bindings = {"node": "VirtualNode"}  # noqa: RUF012  (labgrid's way to say it)

    @Driver.check_active
    @step()
    def on(self):
        self.node.cluster.master("virtual start", self.node.name)

    @Driver.check_active
    @step()
    def off(self):
        self.node.cluster.master("virtual kill", self.node.name)

    @Driver.check_active
    @step()
    def cycle(self):
        self.off()
        self.on()


@target_factory.reg_driver
@attr.s(eq=False)
class VirtualConsoleDriver(CommandMixin, Driver, CommandProtocol):
    """A root shell at the node's console; SSH is not it, since joining takes the master's key from the node."""

    bindings = {"node": "VirtualNode"}  # noqa: RUF012

    @Driver.check_active
    @step(args=["cmd"], result=True)
    def run(self, cmd, timeout=SECONDS):
        return self._run(cmd, timeout=timeout)

    def _run(self, cmd, *, timeout=SECONDS, codec="utf-8", decodeerrors="strict"):
        """Lines of both outputs and the exit code.  The codec is what the cluster's commands read by: UTF-8."""
        done = self.node.cluster.console(self.node.name, "sh", "-c", cmd, seconds=timeout or SECONDS, check=False)
        return done.stdout.splitlines(), done.stderr.splitlines(), done.returncode

    @Driver.check_active
    def get_status(self):
        """1, as labgrid says that commands can be run."""
        return 1


class Status(enum.Enum):
    absent = 0
    off = 1
    on = 2


@target_factory.reg_driver
@attr.s(eq=False)
class BoardStrategy(Strategy):
    """absent: no such board; off: prepared, without power; on: its console answers."""

    bindings = {"node": "VirtualNode", "power": "PowerProtocol", "console": "CommandProtocol"}  # noqa: RUF012
    status = attr.ib(default=Status.absent)

    @never_retry
    @step(args=["status"])
    def transition(self, status, *, step):
        wanted = Status[status]
        if wanted is self.status:
            step.skip("nothing to do")
            return
        move = self.moves().get((self.status, wanted))
        if move is None:
            raise StrategyError(f"no way from {self.status.name} to {status}")
        move()
        self.status = wanted

    def moves(self):
        return {
            (Status.absent, Status.on): self._appear,
            (Status.off, Status.on): self._power_on,
            (Status.on, Status.off): self._power_off,
            (Status.on, Status.absent): self._vanish,
            (Status.off, Status.absent): self._vanish,
        }

    def _appear(self):
        self.node.make()
        self._answer()

    def _power_on(self):
        self.target.activate(self.power)
        self.power.on()
        self._answer()

    def _answer(self):
        self.target.activate(self.console)
        self.console.run_check("true")

    def _power_off(self):
        self.target.deactivate(self.console)
        self.target.activate(self.power)
        self.power.off()

    def _vanish(self):
        self.target.deactivate(self.console)
        self.node.destroy()
