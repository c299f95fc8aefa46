"""Proof that a form is of a page of ours."""

from fishermask_backend.web.page import forms


def test_a_form_s_proof_is_of_its_project_alone(settings):
    token = forms.form_token(settings, 7)
    assert forms.holds(settings, 7, token)
    assert not forms.holds(settings, 8, token)
    assert not forms.holds(settings, 7, token[:-1])
    assert not forms.holds(settings, 7, "")


def test_it_is_of_this_backend_alone(settings, tmp_path):
    token = forms.form_token(settings.model_copy(update={"model_dir": tmp_path / "other"}), 7)
    assert not forms.holds(settings, 7, token)


def test_it_does_not_last(settings, monkeypatch):
    token = forms.form_token(settings, 7)
    monkeypatch.setattr(forms, "DAY", -1)
    assert not forms.holds(settings, 7, token)
