"""What is worked out when a page asks for it: the model that made the run, its words, and what would help.

The model comes from where the run says that it was found; what is worked out once is kept while it holds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lqmodel.api import open_project
from lqmodel.asof import iso
from lqmodel.bundle import Bundle
from lqmodel.comparison import Comparison
from lqmodel.counterfactual import NurtureList, nurture, what_would_help
from lqmodel.errors import LqmodelError, Refused
from lqmodel.languages import NAMES, Language
from lqmodel.ledger import Ledger, LoopReport, won_within
from lqmodel.locating import ADDRESS_PREFIX, find_model
from lqmodel.policies import compare_policies, kept
from lqmodel.reasons import Help, LeadExplanation
from lqmodel.rewording import Rewording
from lqmodel.runs import Run
from lqmodel.settings import Settings
from lqmodel.web.board import Handed
from lqmodel.web.desk import STRONGEST
from lqmodel.web.kept import Jobs, Kept, Lasting

Won = Callable[[Sequence[Mapping[str, Any]]], list[bool | None]]
PATIENCE: Final = 2.0
"""Seconds that a page waits for what is worked out in the background, before it says so."""
AGAIN: Final = 60.0
"""Seconds after which a model that could not be read is looked for again."""
TURN: Final = 5.0
"""Seconds that what would help one lead waits for what would help all."""
GRACE: Final = 5.0
"""Seconds that the end of a server waits for it."""
AFRESH: Final = 300_000_000
"""How long the registry's aliases may stand as they were read, microseconds."""


@dataclass(frozen=True)
class Rival:
    """A registered model that bears an alias, and its held-out quality as in metrics.json."""

    alias: str
    version: str
    bundle: str
    quality: Mapping[str, Any]


class Asks:
    """Asks the model behind a run.

    Parameters
    ----------
    project : Path or None
        Where it and its sources are found; None: nothing is worked out.
    ledger : Ledger
    """

    def __init__(self, project: Path | None, ledger: Ledger) -> None:
        self._project, self._ledger = project, ledger
        self._turn = threading.Lock()
        self._kernel = threading.Lock()  # its threads serve one caller at a time
        self._background = ThreadPoolExecutor(2, "lqmodel-asks")
        self._aliases: Jobs[tuple[Rival, ...]] = Jobs(self._background)
        self._outcomes: Jobs[Won | None] = Jobs(self._background)
        self._compared: Jobs[Comparison] = Jobs(self._background)
        self._nurturing: Jobs[NurtureList] = Jobs(self._background, len(NAMES))
        self._bundles: Kept[tuple[Bundle | None]] = Kept(4)
        self._silent: dict[str, float] = {}
        self._loops: Lasting[LoopReport] = Lasting()
        self._helps: Kept[Help] = Kept()
        self._pictures: Kept[str] = Kept(300)
        self._rewordings: Kept[Rewording] = Kept(len(NAMES) ** 2)
        self._worded: Kept[dict[str, Any]] = Kept(2_500)  # 20 kB each

    def bundle(self, run: Run) -> Bundle | None:
        """Return the bundle that made a run; None by points, or where it is not found any more."""
        key = (run.bundle_version,)
        found = self._bundles.known(key)
        if found is None:
            with self._turn:
                found = self._bundles.known(key) or self._looked_for(run)
        return found[0]

    def _looked_for(self, run: Run) -> tuple[Bundle | None]:
        """Look for it; where what holds it does not answer, that stands for a while only."""
        version = run.bundle_version
        if time.monotonic() < self._silent.get(version, 0.0):
            return (None,)
        try:
            return self._bundles.put((version,), (self._load(run),))
        except LqmodelError:
            self._silent = {version: time.monotonic() + AGAIN}
            return (None,)

    def worded(self, run: Run, handoff: Mapping[str, Any], language: Language) -> dict[str, Any] | None:
        """Return a recorded handoff, as `handoffs.jsonl` has it, in a language; None where it froze no reasons.

        A handoff of another bundle than the run's stays in the language in which it was frozen: its own words
        are not known here.
        """
        why = handoff["frozen"]["why"]
        if "base_probability" not in why:
            return None
        if self.bundle(run) is None:  # one that does not answer now may do so later: nothing is kept
            return self._word(run, handoff, language)
        return self._worded.get((handoff["seq"], language.name), lambda: self._word(run, handoff, language))

    def reasons(self, run: Run, handed: Sequence[Handed], language: Language) -> dict[int, tuple[str, ...]]:
        """Return the strongest reasons of handoffs that were frozen in another language, by the entry's number."""
        other = [h.seq for h in handed if h.language and h.language != language.name]
        found = {seq: self._worded.known((seq, language.name)) for seq in other}
        for row in self._ledger.entries([seq for seq, told in found.items() if told is None]):
            found[row["seq"]] = self.worded(run, row, language)
        return {
            seq: tuple(str(reason["text"]) for reason in told["up"][:STRONGEST])
            for seq, told in found.items()
            if told is not None and told["up"]
        }

    def picture(self, seq: int, told: LeadExplanation) -> str:
        """Return the waterfall of a recorded handoff, as SVG."""
        return self._pictures.get((seq, told.language.name), lambda: told.waterfall().svg)

    def help_known(self, run: Run, lead_id: str, language: Language) -> Help | None:
        """Return what would help a lead, where it was worked out already."""
        return self._helps.known((_written(run), lead_id, language.name))

    def help(self, run: Run, lead_id: str, language: Language) -> Help:
        """Work out what would help a lead, from its rows in the sources; one at a time.

        Raises
        ------
        Refused, NoInput, BadData, ColumnMissing, WrongType
            As `what_would_help`.
        """
        bundle = self.bundle(run)
        assert bundle is not None, "asked for only where there is one"
        root, acts = self._root(), self._ledger.acts(run.model_name, run.as_of or 0)

        def work() -> Help:
            scores, threads = run.part([lead_id]), Settings.read().threads
            return what_would_help(bundle, root, {}, scores, [lead_id], threads, language, acts)[0]

        if not self._kernel.acquire(timeout=TURN):
            raise Refused(
                "the model is at work on the nurture page just now",
                do="ask again in a minute: it takes that long once for each run",
            )
        try:
            return self._helps.get((_written(run), lead_id, language.name), work)
        finally:
            self._kernel.release()

    def nurture(self, run: Run, language: Language, wait: float = PATIENCE) -> NurtureList | None:
        """Return whom to nurture and with what; None while it is being worked out.

        Raises
        ------
        LqmodelError
            As `nurture`, or no model is at hand.
        """
        key = (_written(run), language.name)
        try:
            return self._nurturing.get(key, lambda: self._nurture(run.folder, language), wait)
        except TimeoutError:
            return None

    def policies(self, run: Run, wait: float = PATIENCE) -> Comparison | None:
        """Return what other thresholds would have done in the held-out weeks; None while it is being worked out.

        Raises
        ------
        LqmodelError
            As `compare_policies` and `kept`, or no model is at hand.
        """

        def work() -> Comparison:
            bundle = self.bundle(run)
            if bundle is None:
                raise Refused("the model that made the run is not found: its held-out weeks are not known")
            return compare_policies(bundle, kept(bundle, Settings.read().state_of(self._root())))

        try:
            return self._compared.get((run.bundle_version,), work, wait)
        except TimeoutError:
            return None

    def loop(self, run: Run, now: int, wait: float = PATIENCE) -> tuple[LoopReport, bool]:
        """Return what sales did with handoffs, and what came of them as far as that is known already.

        Outcomes are read from the sources in the background, once for a run; whether they still are is the
        second value. Of many handoffs the figures may be as old as `Lasting` says.
        """
        name = run.model_name
        try:
            won, working = self._outcomes.get((run.run_id,), lambda: self._won(name), wait), False
        except TimeoutError:
            won, working = None, True
        key = (run.run_id, working)
        return self._loops.get(key, now, lambda: self._ledger.report(name, now, won)), working

    def rivals(self, run: Run, now: int, wait: float = PATIENCE) -> tuple[Rival, ...]:
        """Return the registered models that bear an alias; none where there is no registry, or it is slow to answer."""
        name = run.model_name
        if self._project is None or not str(run.manifest["model"]["address"]).startswith(ADDRESS_PREFIX):
            return ()
        try:
            return self._aliases.get((name, now // AFRESH), lambda: self._rivals(name), wait)
        except (TimeoutError, LqmodelError):
            return ()

    def _rivals(self, name: str) -> tuple[Rival, ...]:
        tracker = open_project(self._root()).tracker()
        found = []
        for alias, version in sorted(tracker.aliases(name).items()):
            bundle = Bundle.load(tracker.folder(f"{ADDRESS_PREFIX}{name}/{version}"))
            found.append(Rival(alias, version, bundle.version, bundle.metrics["quality"]))
        return tuple(found)

    def _won(self, name: str) -> Won | None:
        """Open the outcomes; None where there are none to be read."""
        if self._project is None:
            return None
        try:
            opened = open_project(self._project)
            declarations = opened.declarations(name)
            if not declarations.model.has_clock:
                return None
            inputs, turn = opened.inputs(name), threading.Lock()
        except LqmodelError:
            return None

        def won(handoffs: Sequence[Mapping[str, Any]]) -> list[bool | None]:
            try:
                with turn:  # one connection of the engine
                    return won_within(declarations, inputs, handoffs)
            except LqmodelError:
                return [None] * len(handoffs)  # the sources do not answer: nobody knows

        return won

    def close(self) -> None:
        """Begin nothing new in the background, and leave alone what takes longer than a while: it only reads."""
        ending = threading.Thread(target=lambda: self._background.shutdown(cancel_futures=True), daemon=True)
        ending.start()
        ending.join(GRACE)

    def warm(self, run: Run, read: Callable[[], object]) -> None:
        """Load the model beforehand, and what else is read; what fails, fails again for who asks for it."""
        self._background.submit(self.bundle, run)
        self._background.submit(read)

    def _nurture(self, folder: Path, language: Language) -> NurtureList:
        run = Run.open(folder)  # with tables of its own, which go when this is done
        bundle = self.bundle(run)
        if bundle is None:
            raise Refused(
                "the model that made the run is not found: what would help is not known",
                do="serve the project that trained it",
            )
        acts = self._ledger.acts(run.model_name, run.as_of or 0)
        threads, objecting = Settings.read().threads, self._ledger.suppressed()
        with self._kernel:
            return nurture(
                bundle,
                self._root(),
                {},
                run,
                threads=threads,
                language=language,
                acts=acts,
                objecting=objecting,
            )

    def _root(self) -> Path:
        assert self._project is not None
        return self._project.resolve()

    def _load(self, run: Run) -> Bundle | None:
        if self._project is None or run.by_points:
            return None
        found = find_model(str(run.manifest["model"]["address"]), self._project)[0]
        return found if found.version == run.bundle_version else None

    def _word(self, run: Run, handoff: Mapping[str, Any], language: Language) -> dict[str, Any]:
        frozen = handoff["frozen"]
        names = ("lead_id", "probability", "low", "high", "score", "cause")
        told = {**frozen["why"], **{name: handoff[name] for name in names}, "as_of": iso(handoff["as_of"])}
        bundle = self.bundle(run)
        if told["language"] == language.name or bundle is None or bundle.version != handoff["bundle"]:
            return told
        before = Language.of(told["language"])

        def rewording() -> Rewording:
            return Rewording(bundle.declarations, before, language, bundle.usual)

        key = (bundle.version, before.name, language.name)
        return self._rewordings.get(key, rewording).of_frozen(told, frozen["facts"])


def _written(run: Run) -> str:
    """Name one writing of a run: an erasure writes it anew under its own name, and what was kept of it goes."""
    return str(run.manifest["sha256"])
