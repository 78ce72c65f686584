import numpy as np
import pytest
from scipy.stats import norm

from image_kit.checks.power_law import Mixture, fit_power_law

SIZES = np.array([10.0, 20, 40, 80])


def law_of(errors, noise):
    return fit_power_law(SIZES, np.asarray(errors), np.eye(4) * noise**2)


@pytest.mark.parametrize(("power", "rest"), [(0.3, 0.0), (0.5, 0.1), (0.1, 0.0)])
def test_a_power_law_is_continued(power, rest):
    def error(size):
        return rest + 0.5 * (size / 10) ** -power

    low, middle, high = law_of(error(SIZES), 0.01).error_at(160).quantiles([0.05, 0.5, 0.95])
    assert low <= error(160) <= high
    assert abs(middle - error(160)) < 0.02
    assert high - low < 0.07


def test_the_less_is_known_the_wider_it_is():
    errors = 0.5 * (SIZES / 10) ** -0.3
    widths = []
    for noise in (0.002, 0.02, 0.06):
        low, high = law_of(errors, noise).error_at(160).quantiles([0.05, 0.95])
        widths.append(high - low)
    assert 3 * widths[0] < widths[1]
    assert 1.5 * widths[1] < widths[2]
    near, far = (np.ptp(law_of(errors, 0.01).error_at(size).quantiles([0.05, 0.95])) for size in (80, 800))
    assert near < far


def test_errors_that_do_not_fall_are_continued_flat():
    law = law_of([0.3] * 4, 0.005)
    assert abs(law.error_at(160).quantiles([0.5])[0] - 0.3) < 0.01


def test_quantiles_of_one_normal_distribution():
    found = Mixture(np.array([0.4]), np.array([0.05]), np.array([1.0])).quantiles([0.05, 0.5, 0.95])
    assert np.allclose(found, norm(0.4, 0.05).ppf([0.05, 0.5, 0.95]), atol=1e-4)


def test_errors_are_never_below_0():
    low, high = law_of([0.02, 0.01, 0.0, -0.01], 0.01).error_at(160).quantiles([0.05, 0.95])
    assert low == 0
    assert 0 < high < 0.03
