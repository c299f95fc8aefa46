"""Any JSON, and what resembles regions of `<Choices name="label">` in all but one place or two."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # busy machines

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["cat", "dog", "label", "choices"])
    | st.text(st.characters(exclude_categories=()), max_size=50)  # "\ud800" is JSON, too
)
KEYS = st.sampled_from(["from_name", "type", "value", "choices"]) | st.text(max_size=3)
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)
PATHS = st.lists(st.sampled_from(["animals", "cat", "dog"]) | ANY, max_size=3)
NAMED = st.lists(st.sampled_from(["cat"]) | PATHS | ANY) | ANY
VALUES = st.fixed_dictionaries({"choices": NAMED, "taxonomy": NAMED, "rating": ANY})
REGIONS = st.fixed_dictionaries(
    {
        "from_name": st.just("label") | ANY,
        "type": st.just("choices") | ANY,
        "value": VALUES | ANY,
    }
)
RESULTS = st.lists(REGIONS | ANY, max_size=5) | ANY
