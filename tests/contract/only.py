"""A contract for import-linter: some modules may import only what is listed, and themselves."""

from typing import Any

from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """`modules` (with everything in them) import `may_import`, each other, and nothing else."""

    modules: Any = fields.ListField(subfield=fields.StringField())
    may_import: Any = fields.ListField(subfield=fields.StringField())

    def check(self, graph: Any, verbose: bool) -> ContractCheck:
        """Every direct import of every module, external packages too."""
        broken = []
        for root in self.modules:
            for module in {root, *graph.find_descendants(root)}:
                for imported in graph.find_modules_directly_imported_by(module):
                    allowed = (*self.modules, *self.may_import)
                    if not any(imported == each or imported.startswith(f"{each}.") for each in allowed):
                        broken.append((module, imported))
        return ContractCheck(kept=not broken, metadata={"broken": sorted(broken)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line for each import that may not be."""
        for module, imported in check.metadata["broken"]:
            output.print_error(f"{module} imports {imported}, which is not in may_import.")
