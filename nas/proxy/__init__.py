"""Zero-cost proxies: numbers read off an untrained network that may tell how accurate its training will be."""

from nas.proxy.keeping import Scores
from nas.proxy.proxy import NoScore, Proxy, Score
from nas.proxy.table import PROXIES, check_proxies

__all__ = ["PROXIES", "NoScore", "Proxy", "Score", "Scores", "check_proxies"]
