"""Pages of the application."""

from django.urls import path

from taxicab.board.views import deciding, discussion, meetings, records, tickets

urlpatterns = [
    path("", tickets.taxicabs, name="taxicabs"),
    path("public-key.pem", records.public_key, name="public-key"),
    path("meetings/", meetings.meetings, name="meetings"),
    path("meetings/calendar.ics", meetings.calendar, name="meetings-calendar"),
    path(
        "meetings/calendar/<str:token>.ics",
        meetings.subscribed,
        name="meetings-subscribed",
    ),
    path("meetings/schedule/", meetings.schedule, name="meetings-schedule"),
    path("meetings/<str:day>/", meetings.meeting, name="meeting"),
    path("meetings/<str:day>/attend/", meetings.attend, name="meeting-attend"),
    path("meetings/<str:day>/leave/", meetings.leave, name="meeting-leave"),
    path("meetings/<str:day>/remark/", meetings.remark, name="meeting-remark"),
    path("meetings/<str:day>/close/", meetings.close, name="meeting-close"),
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
    path("<str:key>/record/", records.record, name="taxicab-record"),
    path("<str:key>/record.json", records.download, name="taxicab-record-file"),
    path("<str:key>/adopt/", tickets.adopt, name="taxicab-adopt"),
    path("<str:key>/reject/", tickets.reject, name="taxicab-reject"),
    path("<str:key>/withdraw/", tickets.withdraw, name="taxicab-withdraw"),
]
