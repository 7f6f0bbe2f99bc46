"""Writes packages of STIX 1.x."""

NAMESPACES = """xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:stix="http://stix.mitre.org/stix-1" xmlns:indicator="http://stix.mitre.org/Indicator-2"
 xmlns:stixCommon="http://stix.mitre.org/common-1" xmlns:cybox="http://cybox.mitre.org/cybox-2"
 xmlns:cyboxCommon="http://cybox.mitre.org/common-2" xmlns:e="http://example.org/"
 xmlns:AddressObj="http://cybox.mitre.org/objects#AddressObject-2"
 xmlns:DomainNameObj="http://cybox.mitre.org/objects#DomainNameObject-1"
 xmlns:URIObj="http://cybox.mitre.org/objects#URIObject-2"
 xmlns:FileObj="http://cybox.mitre.org/objects#FileObject-2"
 xmlns:stixVocabs="http://stix.mitre.org/default_vocabularies-1\""""
EQUALS = 'condition="Equals"'


def package(identifier: str, *content: str, encoding: str = "UTF-8", more: str = "") -> str:
    """Returns a package."""
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<stix:STIX_Package {NAMESPACES}\n'
        f' id="{identifier}" version="1.2"{more}>{"".join(content)}</stix:STIX_Package>\n'
    )


def indicators(*all_: str) -> str:
    """Returns the indicators of a package."""
    return f"<stix:Indicators>{''.join(all_)}</stix:Indicators>"


def of_domains(identifier: str, *domains: str) -> str:
    """Returns a package with an indicator for each domain."""
    all_ = (indicator(f"e:{name}", domain(name)) for name in domains)
    return package(identifier, indicators(*all_))


def indicator(identifier: str, *observables: str) -> str:
    """Returns an indicator. An observable that is an id is a reference."""
    parts = [
        f"<indicator:Observable>{one}</indicator:Observable>"
        if one.startswith("<")
        else f'<indicator:Observable idref="{one}"/>'
        for one in observables
    ]
    return (
        f'<stix:Indicator id="{identifier}" xsi:type="indicator:IndicatorType">{"".join(parts)}'
        "</stix:Indicator>"
    )


def observables(**named: str) -> str:
    """Returns the observables of a package, by id."""
    all_ = (
        f'<cybox:Observable id="e:{key}">{one}</cybox:Observable>' for key, one in named.items()
    )
    return f'<stix:Observables cybox_major_version="2">{"".join(all_)}</stix:Observables>'


def domain(name: str, condition: str = EQUALS) -> str:
    """Returns the object of a domain."""
    return (
        '<cybox:Object><cybox:Properties xsi:type="DomainNameObj:DomainNameObjectType">'
        f"<DomainNameObj:Value {condition}>{name}</DomainNameObj:Value>"
        "</cybox:Properties></cybox:Object>"
    )
