"""Form fields in the look of the product, with their hints and problems told to screen readers."""

from typing import TYPE_CHECKING, TypeVar

from django import forms

from pacsbrowser.access.models import User

if TYPE_CHECKING:
    UserModelForm = forms.ModelForm[User]
else:
    # only the type checker's form takes the model in brackets
    UserModelForm = forms.ModelForm

FormT = TypeVar("FormT", bound=forms.BaseForm)


def style(form: FormT) -> FormT:
    """Give text fields the class of the style sheet; Django sets aria-invalid and aria-describedby by itself."""
    for field in form.fields.values():
        if not isinstance(field.widget, forms.CheckboxInput | forms.Select):
            field.widget.attrs.setdefault("class", "input")
    return form
