"""A contract for import-linter that lists what MAY be imported: whatever is not on the list breaks it."""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter.application import output
from importlinter.domain import fields
from importlinter.domain.contract import Contract, ContractCheck
from importlinter.domain.helpers import module_expression_to_modules

OURS = {"server", "miniprogram_api"}


class AllowedImports(Contract):
    """The source modules import nothing of ours or others' but what is allowed.

    Configuration options:
        - source_modules:   modules and packages whose direct imports are judged; a package means all below it.
        - allowed_modules:  names and everything below them. "standard library" stands for the whole of it,
                            "third parties" for whatever is neither that nor ours.
        - ignore_imports:   single imports that are forgiven, each with its reason beside it in pyproject.toml.
                            One that is not there any more breaks the contract.
    """

    type_name = "allowed"

    # each is a field of the class and, once import-linter has read it, a set of the contract

    source_modules: Any = fields.SetField(subfield=fields.ModuleExpressionField())
    allowed_modules: Any = fields.SetField(subfield=fields.StringField())
    ignore_imports: Any = fields.SetField(subfield=fields.ImportExpressionField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        forgiven = {
            (one.importer.expression, one.imported.expression) for one in self.ignore_imports or set()
        }
        broken, unused = [], set(forgiven)
        for importer in sorted(self._sources(graph)):
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                if self._is_allowed(imported):
                    continue
                if (importer, imported) in forgiven:
                    unused.discard((importer, imported))
                else:
                    broken.append(f"{importer} -> {imported}")
        broken += [
            f"{importer} -> {imported} is forgiven but not there" for importer, imported in sorted(unused)
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(line, bold=False)

    def _sources(self, graph: ImportGraph) -> set[str]:
        found: set[str] = set()
        for expression in self.source_modules:
            for module in module_expression_to_modules(graph, expression):
                found |= {module.name, *graph.find_descendants(module.name)}
        return found

    def _is_allowed(self, imported: str) -> bool:
        root = imported.partition(".")[0]
        if "standard library" in self.allowed_modules and root in sys.stdlib_module_names:
            return True
        if "third parties" in self.allowed_modules and root not in OURS | sys.stdlib_module_names:
            return True
        return any(imported == one or imported.startswith(one + ".") for one in self.allowed_modules)
