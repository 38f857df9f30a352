"""labgrid's words for virtual nodes and machines: resources, power switch, console, the strategy between their states.

labgrid loads this file by the environment's `imports`; the cluster that the node is near is given by `conftest.py`.
"""

import enum
import subprocess

import attr
from labgrid.driver import Driver
from labgrid.driver.commandmixin import CommandMixin
from labgrid.driver.powerdriver import PowerResetMixin
from labgrid.factory import target_factory
from labgrid.protocol import CommandProtocol, PowerProtocol
from labgrid.resource import Resource
from labgrid.step import step
from labgrid.strategy import Strategy, StrategyError, never_retry

from tests.cluster.clusters import BIN, wait_for

SECONDS = 60
BUILD_SECONDS = 900
BOOT_SECONDS = 300


class Board(Resource):
    """What can be made, switched and asked: `make`, `destroy`, `on`, `off`, and `run(command, seconds)` as subprocess ends.

    `cluster` is the one of the test run, whose commands do all that.
    """


@target_factory.reg_resource
@attr.s(eq=False)
class VirtualNode(Board):
    """A node that `master virtual` makes: its name, MiB of memory and CPUs."""

    name = attr.ib(validator=attr.validators.instance_of(str))
    memory = attr.ib(default=1024, validator=attr.validators.instance_of(int))
    cpus = attr.ib(default=1.0, validator=attr.validators.instance_of(float))
    cluster = attr.ib(default=None, init=False)

    def make(self):
        self.cluster.master("virtual create", self.name, "--memory", self.memory, "--cpus", self.cpus)

    def destroy(self):
        self.cluster.master("virtual destroy", self.name, check=False)

    def on(self):
        self.cluster.master("virtual start", self.name)

    def off(self):
        self.cluster.master("virtual kill", self.name)

    def run(self, command, seconds):
        return self.cluster.console(self.name, "sh", "-c", command, seconds=seconds, check=False)


@target_factory.reg_resource
@attr.s(eq=False)
class VirtualMachine(Board):
    """A machine that `master vm` flashes and boots: its name and MiB of memory.  Where KVM is none, it takes its time."""

    name = attr.ib(validator=attr.validators.instance_of(str))
    memory = attr.ib(default=1024, validator=attr.validators.instance_of(int))
    cluster = attr.ib(default=None, init=False)

    def make(self):
        self.cluster.master("vm up", 1, "--memory", self.memory, "--no-join", seconds=BUILD_SECONDS)

    def destroy(self):
        self.cluster.master("vm down", check=False)

    def on(self):
        self.cluster.master("vm start", self.name)

    def off(self):
        self.cluster.master("vm kill", self.name)

    def run(self, command, seconds):
        """By SSH with the operator's key, until the machine answers."""
        return wait_for(lambda: self._answer(command, seconds), BOOT_SECONDS, f"an answer of {self.name}")

    def _answer(self, command, seconds):
        """None while there is no connection, which ssh tells by 255."""
        words = self.cluster.inside(
            BIN / "master", "vm", "exec", "--root", self.cluster.root, self.name, "--", "sh", "-c"
        )
        try:
            done = subprocess.run([*words, command], capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        return None if done.returncode == 255 else done


@target_factory.reg_driver
@attr.s(eq=False)
class VirtualPowerDriver(Driver, PowerResetMixin, PowerProtocol):
    """The plug: off ends every process of the node at once, its disk stays."""

    bindings = {"node": Board}  # noqa: RUF012  (labgrid's way to say it)

    @Driver.check_active
    @step()
    def on(self):
        self.node.on()

    @Driver.check_active
    @step()
    def off(self):
        self.node.off()

    @Driver.check_active
    @step()
    def cycle(self):
        self.off()
        self.on()


@target_factory.reg_driver
@attr.s(eq=False)
class VirtualConsoleDriver(CommandMixin, Driver, CommandProtocol):
    """A root shell at the node's console; SSH is not it, since joining takes the master's key from the node."""

    bindings = {"node": Board}  # noqa: RUF012

    @Driver.check_active
    @step(args=["cmd"], result=True)
    def run(self, cmd, timeout=SECONDS):
        return self._run(cmd, timeout=timeout)

    def _run(self, cmd, *, timeout=SECONDS, codec="utf-8", decodeerrors="strict"):
        """Lines of both outputs and the exit code.  The codec is what the cluster's commands read by: UTF-8."""
        done = self.node.run(cmd, timeout or SECONDS)
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

    bindings = {"node": Board, "power": "PowerProtocol", "console": "CommandProtocol"}  # noqa: RUF012
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
