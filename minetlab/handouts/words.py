"""The fixed texts on students' cards, in each language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["fr", "en"]


@dataclass(frozen=True)
class Words:
    """The texts in one language.

    :param course: name of the course.
    :param lab: the word for a lab.
    :param guest: short word for a guest.
    :param guest_long: long word for a guest.
    :param container: the word for a container.
    :param once: what to do before the first login, with ``{folder}`` (the folder that the student is given)
        and ``{home}`` (where to put it).
    :param own_key: which key opens the machines of a student who brought one.
    :param new_key: which key opens the machines of a student for whom the lab made one.
    :param site: what the TP site asks for, with ``{login}`` and ``{password}``.
    :param authority: by which CA the TP site is known, with ``{fingerprint}``.
    :param certificate: by which certificate it is known, if the lab's CA has not signed it.
    :param scan_site: caption of a QR code that leads to the TP site.
    :param scan_machine: caption of a QR code that leads to a machine.
    :param title: title of the page with all cards.
    :param print_hint: how to print that page.
    """

    course: str
    lab: str
    guest: str
    guest_long: str
    container: str
    once: str
    own_key: str
    new_key: str
    site: str
    authority: str
    certificate: str
    scan_site: str
    scan_machine: str
    title: str
    print_hint: str


CARD_WORDS: Mapping[Language, Words] = {
    "fr": Words(
        course="Formation virtualisation et containerisation",
        lab="lab",
        guest="VM",
        guest_long="machine virtuelle",
        container="container",
        once="Une seule fois : placez le dossier « {folder} » reçu sous {home} (voir README.txt).",
        own_key="Votre propre clé SSH ouvre ces machines.",
        new_key="La clé SSH qui ouvre ces machines est dans ce dossier : elle n'est qu'à vous.",
        site="Vos machines sur le site : login {login}, mot de passe {password}",
        authority="CA du site, SHA-256 : {fingerprint}",
        certificate="Certificat du site, SHA-256 : {fingerprint}",
        scan_site="Les fiches du TP",
        scan_machine="Pour un client SSH",
        title="Cartes d'accès",
        print_hint="Imprimer à 100 %, sur papier A4, puis couper le long des tirets.",
    ),
    "en": Words(
        course="Virtualization and containers",
        lab="lab",
        guest="VM",
        guest_long="virtual machine",
        container="container",
        once="Once only: put the folder “{folder}” that you are given at {home} (see README.txt).",
        own_key="Your own SSH key opens these machines.",
        new_key="The SSH key that opens these machines is in that folder: it is yours alone.",
        site="Your machines on the site: login {login}, password {password}",
        authority="CA of the site, SHA-256: {fingerprint}",
        certificate="Certificate of the site, SHA-256: {fingerprint}",
        scan_site="The practical work",
        scan_machine="For an SSH client",
        title="Access cards",
        print_hint="Print at 100 %, on A4 paper, and cut along the dashes.",
    ),
}
