"""What a host says of its AppArmor, and what is made of it."""

from minetlab.facts.confinement import QemuConfinement
from minetlab.resources.confinement import ConfinementObserved


def test_a_host_that_says_nothing_confines_nothing() -> None:
    assert QemuConfinement().default() == QemuConfinement().process([]) == ConfinementObserved()


def test_of_a_setting_that_is_given_twice_the_first_holds() -> None:
    lines = ["available yes", 'security_driver "apparmor" ', 'security_driver "none"']
    expected = ConfinementObserved(available=True, settings={"security_driver": '"apparmor"'})
    assert QemuConfinement().process(lines) == expected
