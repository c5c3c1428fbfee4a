"""Pages of the application."""

from django.urls import path

from calibrations.views import orders, steps, tickets

urlpatterns = [
    path("", tickets.constructions, name="constructions"),
    path("new/", tickets.open_new, name="construction-new"),
    path("orders/", orders.orders, name="construction-orders"),
    path("orders/<str:instrument>/", orders.choose, name="construction-order"),
    path("<str:key>/", tickets.ticket, name="construction-ticket"),
    path("<str:key>/live/", tickets.ticket_live, name="construction-live"),
    path("<str:key>/commands/", tickets.commands, name="construction-commands"),
    path(
        "<str:key>/collections/", tickets.collections, name="construction-collections"
    ),
    path("<str:key>/history/", tickets.ticket_history, name="construction-history"),
    path("<str:key>/record.<str:form>", tickets.record, name="construction-record"),
    path("<str:key>/code-changes/", tickets.code_changes, name="construction-code"),
    path("<str:key>/code-review/", tickets.code_review, name="construction-review"),
    path("<str:key>/withdraw/", tickets.withdraw, name="construction-withdraw"),
    path("<str:key>/<slug:calib_type>/", steps.step, name="construction-step"),
    path(
        "<str:key>/<slug:calib_type>/live/",
        steps.step_live,
        name="construction-step-live",
    ),
    path(
        "<str:key>/selections/<int:pk>/", steps.selection, name="construction-selection"
    ),
    path(
        "<str:key>/selections/<int:pk>/live/",
        steps.selection_live,
        name="construction-selection-live",
    ),
    path(
        "<str:key>/selections/<int:pk>/override/",
        steps.override,
        name="construction-override",
    ),
    path(
        "<str:key>/selections/<int:pk>/generate/",
        steps.generate,
        name="construction-generate",
    ),
    path(
        "<str:key>/generations/<int:pk>/verify/",
        steps.verify,
        name="construction-verify",
    ),
    path(
        "<str:key>/generations/<int:pk>/certify/",
        steps.certify,
        name="construction-certify",
    ),
    path(
        "<str:key>/generations/<int:pk>/remove/",
        steps.remove,
        name="construction-remove",
    ),
]
