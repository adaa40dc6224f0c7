"""What docker import is told of a TP image."""

from minetlab.resources.tp_images import ImageSpec

SPEC = ImageSpec("minet", "isa", "0123456789abcdef" * 4, ("USER student", 'CMD ["sh"]'))


def test_an_image_is_named_after_lab_tp_and_the_first_digits_of_a_hash_of_content_and_instructions() -> None:
    assert SPEC.reference == "minet/isa:8a47c7141e7e"


def test_instructions_come_first_and_labels_say_whose_image_it_is() -> None:
    assert SPEC.changes() == (
        "--change=USER student",
        '--change=CMD ["sh"]',
        '--change=LABEL org.minet-lab.lab="minet"',
        '--change=LABEL org.minet-lab.tp-image="isa"',
    )
