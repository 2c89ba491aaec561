"""What the Dockerfile says, read without an engine: its stages, and what the last one's containers begin with."""

import json
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Instruction:
    """One instruction, with its continued lines joined."""

    name: str
    value: str


@dataclass
class Image:
    """A stage."""

    instructions: list[Instruction] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        return [each.value for each in self.instructions if each.name == name]

    @property
    def environment(self) -> dict[str, str]:
        pairs = [pair for value in self.values("ENV") for pair in shlex.split(value)]
        return dict(pair.split("=", 1) for pair in pairs)

    @property
    def entrypoint(self) -> list[str]:
        words: list[str] = json.loads(self.values("ENTRYPOINT")[-1])
        return words

    def unpack(self, root: Path) -> None:
        """Puts the files of the repository where the image has them, below `root`."""
        for value in self.values("COPY"):
            if value.startswith("--from="):
                continue  # the installed program
            *sources, target = value.split()
            for source in sources:
                copy = root / target.lstrip("/")
                copy = copy / Path(source).name if target.endswith("/") else copy
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / source, copy)


def read_dockerfile() -> list[Image]:
    """The stages, in order; the last one is the image."""
    text = (REPOSITORY / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    stages: list[Image] = []
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "FROM":
            stages.append(Image())
        if stages:
            stages[-1].instructions.append(Instruction(name, " ".join(value.split())))
    return stages
