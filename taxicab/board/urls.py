"""Pages of the application."""

from django.urls import path

from taxicab.board.views import deciding, discussion, tickets

urlpatterns = [
    path("", tickets.taxicabs, name="taxicabs"),
    path("hail/<str:key>/", tickets.hail, name="taxicab-hail"),
    path(
        "tasks/<str:key>/<int:number>/done/",
        deciding.finish_task,
        name="taxicab-task-done",
    ),
    path(
        "tasks/<str:key>/<int:number>/drop/",
        deciding.drop_task,
        name="taxicab-task-drop",
    ),
    path("<str:key>/", tickets.taxicab, name="taxicab-ticket"),
    path("<str:key>/live/", tickets.live, name="taxicab-live"),
    path("<str:key>/report/", tickets.replace, name="taxicab-report"),
    path("<str:key>/position/", deciding.position, name="taxicab-position"),
    path("<str:key>/object/", deciding.object_to, name="taxicab-object"),
    path(
        "<str:key>/objections/<int:number>/withdraw/",
        deciding.withdraw_objection,
        name="taxicab-objection-withdraw",
    ),
    path(
        "<str:key>/objections/<int:number>/resolve/",
        deciding.resolve_objection,
        name="taxicab-objection-resolve",
    ),
    path("<str:key>/waive/", deciding.write_waiver, name="taxicab-waive"),
    path(
        "<str:key>/waivers/<int:number>/withdraw/",
        deciding.withdraw_waiver,
        name="taxicab-waiver-withdraw",
    ),
    path("<str:key>/discuss/", discussion.discuss, name="taxicab-discuss"),
    path(
        "<str:key>/threads/<int:number>/reply/",
        discussion.reply,
        name="taxicab-reply",
    ),
    path(
        "<str:key>/messages/<int:number>/correct/",
        discussion.correct,
        name="taxicab-correct",
    ),
    path("<str:key>/adopt/", tickets.adopt, name="taxicab-adopt"),
    path("<str:key>/reject/", tickets.reject, name="taxicab-reject"),
    path("<str:key>/withdraw/", tickets.withdraw, name="taxicab-withdraw"),
]
