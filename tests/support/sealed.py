"""Reports with their files sealed, of known numbers.

Drawing a report takes seconds: one that was written is taken again by other tests of
the session, for evidence never changes.
"""

from dataclasses import replace
from types import SimpleNamespace

from django.test import override_settings

from reports.services.evidence import keep_folder, new_folder, read_sealed
from reports.services.parts import keep_parts
from reports.services.reports import write_report
from tests.support import board as make
from tests.support import evidence

PICTURED = 4
"""Detector whose pictures are drawn; those of all nine would take most of the time."""


class Sealer:
    """Writes reports into one folder of evidence, each once."""

    def __init__(self, folder):
        self.root = folder / "evidence"
        self.images = folder / "images"
        self.written = {}

    def seal(self, construction, *parts, stages=None):
        """Make a ready report: of types with exposures and band, or of stages."""
        if stages is not None:
            return self._keep(construction, *self._write(construction, stages))
        key = (construction.key, parts)
        if key not in self.written:
            made = [self._stage(*part) for part in parts]
            self.written[key] = self._write(construction, made)
        return self._keep(construction, *self.written[key])

    def _stage(self, calib_type, exposures, band=""):
        stage = evidence.make_stage(
            calib_type, self.images, exposures=exposures, band=band
        )
        pictured = {PICTURED: stage.combined[PICTURED]}
        residuals = {k: v for k, v in stage.residuals.items() if k[0] == PICTURED}
        return replace(stage, combined=pictured, residuals=residuals)

    def _write(self, construction, stages):
        ticket = SimpleNamespace(
            key=construction.key,
            instrument_id=construction.instrument_id,
            tag="test",
            reason="A test.",
            owner=SimpleNamespace(get_username=lambda: "nora"),
        )
        with (
            override_settings(EVIDENCE_ROOT=self.root),
            new_folder(construction.key) as folder,
        ):
            summary = write_report(ticket, stages, evidence.make_facts(), folder)
            return summary, keep_folder(folder)

    def _keep(self, construction, summary, sha256):
        report = make.make_report(construction)
        report.summary, report.sha256 = summary, sha256
        report.save()
        report.parts.all().delete()
        order = [stage["key"] for stage in summary["stages"]]
        with override_settings(EVIDENCE_ROOT=self.root):
            keep_parts(report, read_sealed(sha256), order=order)
        return report
