"""The two components keep the protocols of their kinds; CheckFailed says where one does not."""

from bpframe.testing import check


def test_pseudo_huber_keeps_the_protocol_of_a_loss():
    check("loss", "bpframe-example/pseudo_huber")


def test_sign_descent_keeps_the_protocol_of_an_optimizer():
    check("optimizer", "bpframe-example/sign_descent")
