"""Dynamics 365: its table of predictive scores, own columns of the lead, and its rating."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import Field, model_validator

from lqmodel.declarations.base import Declared, Misfit
from lqmodel.declarations.crm import (
    CrmFile,
    OwnFields,
    Said,
    Stagewise,
    check_known,
    check_picklist,
)

QUALITY: Final = "leadqualitycode"
COMMENTS: Final = "qualificationcomments"
LONGEST_COMMENTS: Final = 2_000


class DynamicsFields(OwnFields):
    """Own columns of the lead, by their logical names; none unless named. `reasons` may be `qualificationcomments`."""

    @model_validator(mode="after")
    def _own(self) -> DynamicsFields:
        for value, name in self.given().items():
            if value == "reasons" and name == COMMENTS:
                continue
            if not re.fullmatch(r"[a-z][a-z0-9]*_[a-z0-9_]+", name) or name.startswith("msdyn_"):
                raise Misfit(
                    f"{name!r} is no column of your own",
                    at=(value,),
                    do="write its logical name, such as 'new_lqscore'",
                )
        return self


class DynamicsGrades(Declared):
    """From which score on a grade holds; below `c` it is D."""

    a: int = Field(70, ge=0, le=100, description="grade A from this score on: sales-ready")
    b: int = Field(40, ge=0, le=100, description="grade B from this score on: MQL")
    c: int = Field(20, ge=0, le=100, description="grade C from this score on")

    @model_validator(mode="after")
    def _fall(self) -> DynamicsGrades:
        if not self.a > self.b > self.c:
            raise Misfit(f"{self.a}, {self.b}, {self.c} do not fall", do="write a above b above c")
        return self


class DynamicsQuality(Stagewise):
    """What `leadqualitycode` is set to at each stage, by its labels; false: it stays as it is."""

    lead: Said = Field("Cold", description="at the stage Lead")
    mql: Said = Field("Warm", description="at the stage MQL")
    sales_ready: Said = Field("Hot", description="at the stage sales-ready")
    sal: Said = Field("Hot", description="at the stage SAL")
    sql: Said = Field("Hot", description="at the stage SQL")
    recycled: Said = Field("Cold", description="at the stage Recycled")


class Dynamics(CrmFile):
    """Files for Dynamics 365: its table of predictive scores, and the lead."""

    options: ClassVar[Mapping[str, tuple[str, ...]]] = {QUALITY: ("Hot", "Warm", "Cold")}

    fields: DynamicsFields = Field(DynamicsFields(), description="own columns of the lead")
    grades: DynamicsGrades = Field(DynamicsGrades(), description="of the score")
    quality: DynamicsQuality = Field(DynamicsQuality(), description="with `--set-stage`")

    @model_validator(mode="after")
    def _fits(self) -> Dynamics:
        if self.fields.reasons == COMMENTS and self.reasons_length > LONGEST_COMMENTS:
            raise Misfit(
                f"{COMMENTS} holds {LONGEST_COMMENTS:,} characters, not {self.reasons_length:,}",
                at=("reasons_length",),
                do=f"write at most {LONGEST_COMMENTS}",
            )
        check_picklist(self, QUALITY, self.quality, "quality")
        check_picklist(self, self.fields.stage, self.stage_names, "stage_names")
        check_known(dict(self.present), (QUALITY,), "present")
        check_known(dict(self.picklists), tuple(self.fields.given().values()), "picklists")
        return self
