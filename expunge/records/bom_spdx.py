"""A bill of materials in the form of SPDX 3.0.1: an AIPackage with its files, its original, its tools and evidence.

    text = spdx(facts_of(record), {"encoder/model.safetensors": sha256}, record_sha256, "2026-11-26T09:59:47Z")
    problem_of(text)            None: the model's classes read it whole

Types, patterns, enumerations and required properties are checked by spdx-python-model, whose classes are made of SPDX's
own SHACL model; SPDX's JSON Schema is in no package. The document needs a time: it is that of the commit that the
record names, so the same release gives the same bytes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from expunge.core.files import to_json
from expunge.records.facts import Facts, package_url

if TYPE_CHECKING:
    from spdx_python_model import v3_0_1 as model

UNKNOWN = "1970-01-01T00:00:00Z"  # the time where the record names no commit that is known here
UNLICENSED = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense"


def spdx(facts: Facts, files: Mapping[str, str], record: str, created: str) -> str:
    """The document.

    :param files: {path in the release: sha256} of the encoder's files that are handed on. :param record: sha256 of
        record.json. :param created: such as "2026-11-26T09:59:47Z", or UNKNOWN.
    :raises ValueError: it does not fit the model, which is a mistake of expunge.
    """
    from spdx_python_model import v3_0_1 as model

    made = model.SHACLObjectSet()
    try:
        for element in _Document(facts, model, created).elements(files, record):
            made.add(element)
        data = model.JSONLDSerializer().serialize_data(made, force_at_graph=True)
    except (ValueError, TypeError) as error:
        raise ValueError(f"the bill of materials of {facts.encoder}: {error}") from None
    data["@graph"].sort(key=lambda element: (element.get("spdxId", ""), element["type"]))  # the library has a set
    return to_json(data)


def problem_of(text: str) -> str | None:
    """Why a document is none of SPDX 3.0.1, or refers to what it does not hold; None where all is well."""
    import json

    from spdx_python_model import v3_0_1 as model

    read = model.SHACLObjectSet()
    try:
        data = json.loads(text)
        model.JSONLDDeserializer().deserialize_data(data, read)
        model.JSONLDSerializer().serialize_data(read, force_at_graph=True)  # which looks for what is required
    except (ValueError, TypeError, KeyError) as error:
        return str(error)
    lost = sorted(read.missing_ids)
    return f"{lost[0]} is nowhere" if lost else None


class _Document:
    """Makes the elements; each has the same creation info, and an id below the digest of the encoder's folder."""

    def __init__(self, facts: Facts, types: Any, created: str) -> None:
        self.facts, self.types = facts, types
        self.creator = types.SoftwareAgent(_id=self.id("creator"), name="expunge")
        comment = "The time is that of the commit that the record names." if created != UNKNOWN else (
            "No time is known: the record names no commit, or git does not have it here.")  # fmt: skip
        self.info = types.CreationInfo(
            specVersion="3.0.1", created=types.DateTimeStampProp().from_string(created), createdBy=[self.creator],
            comment=comment,
        )  # fmt: skip
        self.creator.creationInfo = self.info

    def id(self, part: str) -> str:
        return f"urn:expunge:{self.facts.folder}:{part}"

    def make(self, kind: str, part: str, **properties: Any) -> Any:
        return getattr(self.types, kind)(_id=self.id(part), creationInfo=self.info, **properties)

    def elements(self, files: Mapping[str, str], record: str) -> Iterator["model.SHACLObject"]:
        """All of the document, which describes the model."""
        facts, own = self.facts, self.model()
        held = [self.file(name, sha256) for name, sha256 in sorted(files.items())]
        evidence = self.file("record.json", record)
        evidence.description = "What was asked, done and measured, an in-toto Statement."
        base = self.make(
            "software_Package", "base", name=facts.base, software_packageVersion=facts.base_digest,
            software_primaryPurpose=self.types.software_SoftwarePurpose.model,
            description="The pipelines whose text encoder was changed; the version is expunge's digest of all that "
            "decides what they draw.",
        )  # fmt: skip
        for part, pin in facts.pins.items():
            base.externalIdentifier.append(self.types.ExternalIdentifier(
                externalIdentifierType=self.types.ExternalIdentifierType.packageUrl,
                identifier=f"pkg:huggingface/{pin}", comment=part,
            ))  # fmt: skip
        original = [self.file(f"base/{name}", sha256) for name, sha256 in facts.original.items()]
        libraries = [self.library(name, version) for name, version in facts.libraries.items()]
        related = [
            self.relation(f"{kind}/{part}", kind, source, to)
            for kind, part, source, to in (
                ("contains", "model", own, held), ("contains", "base", base, original),
                ("descendantOf", "model", own, [base]), ("hasEvidence", "model", own, [evidence]),
                ("dependsOn", "model", own, libraries), ("hasConcludedLicense", "model", own, [UNLICENSED]),
                ("hasDeclaredLicense", "model", own, [UNLICENSED]),
            )
            if to
        ]  # fmt: skip
        everything = [own, own.suppliedBy, self.creator, base, evidence, *held, *original, *libraries, *related]
        profiles = self.types.ProfileIdentifierType
        yield self.make(
            "SpdxDocument", "document", name=facts.encoder, rootElement=[own], element=everything,
            profileConformance=[profiles.core, profiles.software, profiles.ai],
        )  # fmt: skip
        yield from everything

    def model(self) -> Any:
        """The model with everything that was measured, a line each."""
        facts = self.facts
        return self.make(
            "ai_AIPackage", "model", name=facts.encoder, software_packageVersion=facts.folder,
            software_downloadLocation="encoder/", software_primaryPurpose=self.types.software_SoftwarePurpose.model,
            suppliedBy=self.make("Agent", "supplier", name="whoever hands this release on"),
            releaseTime=self.info.created, verifiedUsing=[self.hash(facts.weights)],
            description=f"A text encoder that was changed to forget {', '.join(facts.concepts)}.",
            ai_typeOfModel=[facts.encoder_class, "text encoder"], ai_domain=["text-to-image", "text-to-video"],
            ai_informationAboutTraining=f"The text encoder of {facts.base}, changed by the method {facts.method}.",
            ai_informationAboutApplication="In place of the text encoder of the models of its base.",
            ai_limitation=" ".join(facts.limits), ai_hyperparameter=self.entries(facts.parameters.items()),
            ai_metric=self.entries((m.key, m.value) for m in facts.measured if m.value is not None),
            ai_metricDecisionThreshold=self.entries((m.key, m.threshold) for m in facts.measured),
        )  # fmt: skip

    def file(self, name: str, sha256: str) -> Any:
        return self.make("software_File", f"file/{name}", name=name, verifiedUsing=[self.hash(sha256)])

    def hash(self, sha256: str) -> Any:
        return self.types.Hash(algorithm=self.types.HashAlgorithm.sha256, hashValue=sha256)

    def library(self, name: str, version: str) -> Any:
        package = self.make("software_Package", f"library/{name}", name=name, software_packageVersion=version,
                            software_primaryPurpose=self.types.software_SoftwarePurpose.library)  # fmt: skip
        if url := package_url(name, version):
            package.software_packageUrl = url
        return package

    def relation(self, part: str, kind: str, source: Any, to: list[Any]) -> Any:
        return self.make("Relationship", part, from_=source, to=to,
                         relationshipType=getattr(self.types.RelationshipType, kind))  # fmt: skip

    def entries(self, values: Iterable[tuple[str, Any]]) -> list[Any]:
        return [
            self.types.DictionaryEntry(key=key, value=value if isinstance(value, str) else to_json(value, None).strip())
            for key, value in values
        ]
