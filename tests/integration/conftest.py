"""As of the unit tests: nothing here touches the user's own keys, state or cache."""

import tests.support.isolation  # noqa: F401 (it sets that up when it is imported)
