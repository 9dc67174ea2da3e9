"""Settings of the machine, not of the model: read from the environment, prefix LQMODEL_."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lqmodel.errors import UsageError
from lqmodel.languages import Language

PREFIX = "LQMODEL_"
LEDGER = "ledger.db"


class Settings(BaseSettings):
    """What the environment may set; every name has the prefix ``LQMODEL_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    state: Path = Field(Path(".lqmodel"), description="folder for the tracking store and trained bundles")
    tracking_uri: str | None = Field(None, description="MLflow store; default: SQLite in the state folder")
    language: str | None = Field(
        None, description="what reasons are worded in; default: the `language` of the model's declarations"
    )
    store: str | None = Field(
        None,
        repr=False,  # it may hold a password
        description="the ledger's store, such as `postgresql://USER@HOST/DATABASE`; default: SQLite in the state folder",
    )
    threads: int | None = Field(None, ge=1, description="threads to use; default: all cores")

    @classmethod
    def read(cls) -> Settings:
        """Read the environment.

        Raises
        ------
        UsageError
            A variable holds something else than it must.
        """
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = f"{PREFIX}{first['loc'][0]}".upper()
            raise UsageError(
                f"the variable {name} holds {first['input']!r}: {first['msg'].lower()}",
                do=f"mend or unset {name}",
            ) from error

    def language_of(self, asked: str | None, declared: str) -> Language:
        """Return the language of reasons: what is asked for, else LQMODEL_LANGUAGE, else what the model declares.

        Raises
        ------
        UsageError
            lqmodel does not speak it.
        """
        if asked is None and self.language:  # an empty variable is none
            return Language.of(self.language, f"{PREFIX}LANGUAGE")
        return Language.of(declared if asked is None else asked)

    def state_of(self, root: Path) -> Path:
        """Return the state folder of a project; a relative one lies in the project."""
        return self.state if self.state.is_absolute() else root / self.state

    def ledger_store(self, root: Path) -> str:
        """Return the address of the ledger's store."""
        return self.store or f"sqlite:///{(self.state_of(root) / LEDGER).resolve().as_posix()}"

    def may_have_ledger(self, root: Path) -> bool:
        """Whether a ledger may have been begun, as far as can be told without opening it."""
        return self.store is not None or (self.state_of(root) / LEDGER).exists()

    def tracking_store(self, root: Path) -> str:
        return self.tracking_uri or f"sqlite:///{(self.state_of(root) / 'mlflow.db').resolve().as_posix()}"
