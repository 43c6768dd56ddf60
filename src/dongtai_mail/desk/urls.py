"""Addresses of the desk, and of signing in."""

from allauth.account import views as account
from django.urls import path

from dongtai_mail.desk.accounts import views as accounts
from dongtai_mail.desk.views import (
    audit,
    doctor,
    editor,
    following,
    issue_facts,
    mailings,
    manuscripts,
    people,
    pool,
    pool_moving,
    previews,
    proof_sends,
    proofs,
    providers,
    publications,
    reports,
    returned,
    reviews,
    search,
    sending,
    settings,
    slots,
    subscribers,
    subscribers_import,
    subscribers_segments,
    suppressions,
    warmups,
)

app_name = "desk"

open_to_all = [
    path("login/", account.login, name="login"),
    path("logout/", account.logout, name="logout"),
    path("language/", accounts.language, name="language"),
]
for_staff = [
    path("", publications.home, name="home"),
    path("publications/<slug:slug>/", publications.publication, name="publication"),
    path("publications/<slug:slug>/search/", search.search, name="search"),
    path("publications/<slug:slug>/subscribers/", subscribers.lists, name="subscribers"),
    path("publications/<slug:slug>/lists/", subscribers.new_list, name="new-list"),
    path("publications/<slug:slug>/imports/", subscribers_import.imports_page, name="imports"),
    path("publications/<slug:slug>/suppressions/", suppressions.suppressions, name="suppressions"),
    path(
        "publications/<slug:slug>/suppressions/<int:pk>/release/",
        suppressions.release,
        name="release",
    ),
    path("publications/<slug:slug>/segments/", subscribers_segments.segments, name="segments"),
    path(
        "publications/<slug:slug>/segments/size/",
        subscribers_segments.segment_size,
        name="segment-size",
    ),
    path(
        "publications/<slug:slug>/segments/<int:pk>/",
        subscribers_segments.segment,
        name="segment",
    ),
    path(
        "publications/<slug:slug>/segments/<int:pk>/removal/",
        subscribers_segments.segment_removal,
        name="segment-removal",
    ),
    path("lists/<slug:slug>/", subscribers.readers, name="subscriber-list"),
    path("lists/<slug:slug>/readers.csv", subscribers.export, {"kind": "csv"}, name="export-csv"),
    path(
        "lists/<slug:slug>/readers.xlsx", subscribers.export, {"kind": "xlsx"}, name="export-xlsx"
    ),
    path("subscriptions/<int:pk>/", subscribers.history, name="subscription"),
    path("imports/<int:pk>/", subscribers_import.import_page, name="import"),
    path("imports/<int:pk>/progress/", subscribers_import.import_progress, name="import-progress"),
    path("imports/<int:pk>/start/", subscribers_import.import_start, name="import-start"),
    path("imports/<int:pk>/undo/", subscribers_import.import_undo, name="import-undo"),
    path(
        "imports/<int:pk>/discarding/",
        subscribers_import.import_discarding,
        name="import-discarding",
    ),
    path("publications/<slug:slug>/mailings/", mailings.mailings, name="mailings"),
    # Findings, preview, review, test sends
    path("issues/<int:pk>/preview/", previews.page, name="preview"),
    path("issues/<int:pk>/preview/html/", previews.html, name="preview-html"),
    path("editions/<int:pk>/html/", previews.edition_html, name="edition-html"),
    path("issues/<int:pk>/findings/", proofs.findings, name="issue-findings"),
    path("issues/<int:pk>/findings/taken/", proofs.many_taken, name="findings-taken"),
    path("issues/<int:pk>/findings/ignored/", proofs.many_ignored, name="findings-ignored"),
    path("issues/<int:pk>/findings/<slug:fingerprint>/taken/", proofs.taken, name="finding-taken"),
    path(
        "issues/<int:pk>/findings/<slug:fingerprint>/ignored/",
        proofs.ignored,
        name="finding-ignored",
    ),
    path(
        "issues/<int:pk>/findings/<slug:fingerprint>/reopened/",
        proofs.reopened,
        name="finding-reopened",
    ),
    path("issues/<int:pk>/review/", reviews.review, name="review"),
    path("issues/<int:pk>/review/request/", reviews.requested, name="review-request"),
    path("reviews/<int:pk>/approval/", reviews.approved, name="review-approval"),
    path("reviews/<int:pk>/return/", reviews.returned, name="review-return"),
    path("reviews/<int:pk>/withdrawal/", reviews.withdrawn, name="review-withdrawal"),
    path("issues/<int:pk>/tests/", proof_sends.page, name="test-sends"),
    path("issues/<int:pk>/tests/progress/", proof_sends.progress, name="test-progress"),
    path("issues/<int:pk>/mailing/", sending.send, name="send"),
    path("mailings/<int:pk>/", mailings.mailing, name="mailing"),
    path("mailings/<int:pk>/progress/", mailings.progress, name="progress"),
    path("mailings/<int:pk>/pause/", mailings.pause, name="pause"),
    path("mailings/<int:pk>/resumption/", mailings.resumption, name="resumption"),
    path("mailings/<int:pk>/cancellation/", mailings.cancellation, name="cancellation"),
    path(
        "publications/<slug:slug>/returned/",
        returned.returned_messages,
        name="returned-messages",
    ),
    path("returned/<int:pk>/", returned.returned_message, name="returned-message"),
    path("returned/<int:pk>/second-try/", returned.second_try, name="second-try"),
    path("providers/", providers.providers, name="providers"),
    path("providers/<str:provider>/", providers.provider, name="provider"),
    path("providers/<str:provider>/resumption/", providers.resumption, name="provider-resumption"),
    path("providers/<str:provider>/default/", providers.default, name="provider-default"),
    path("relays/<str:relay>/warmup/", warmups.warmup, name="warmup"),
    path("relays/<str:relay>/warmup/default/", warmups.default, name="warmup-default"),
]
# The item pool
for_staff += [
    path("publications/<slug:slug>/pool/", pool.items, name="pool"),
    path("publications/<slug:slug>/pool/new/", pool.new, name="pool-new"),
    path("publications/<slug:slug>/pool/reading/", pool.read, name="pool-read"),
    path("publications/<slug:slug>/pool/alike/", pool.alike, name="pool-alike"),
    path("publications/<slug:slug>/pool/bulk/", pool_moving.bulk, name="pool-bulk"),
    path("pool/<int:pk>/", pool.item, name="pool-item"),
    path("pool/<int:pk>/alike/", pool.alike_item, name="pool-alike-item"),
    path("pool/<int:pk>/sorting/", pool.sorting, name="pool-sorting"),
    path("pool/<int:pk>/holder/", pool.holder, name="pool-holder"),
    path("pool/<int:pk>/placing/", pool_moving.placing, name="pool-placing"),
]
# Reports and the doctor.
for_staff += [
    path("publications/<slug:slug>/reports/", reports.reports, name="reports"),
    path("mailings/<int:pk>/report/", reports.report, name="report"),
    path("mailings/<int:pk>/report.csv", reports.report_csv, name="report-csv"),
    path("publications/<slug:slug>/doctor/", doctor.doctor, name="doctor"),
    path("publications/<slug:slug>/doctor/checks/", doctor.checks, name="doctor-checks"),
]
# People, rights, settings
for_staff += [
    path("me/", accounts.me, name="me"),
    path("new-publication/", settings.new_publication, name="new-publication"),
    path("publications/<slug:slug>/settings/", settings.settings_page, name="settings"),
    path("publications/<slug:slug>/dns/", settings.dns, name="dns"),
    path("publications/<slug:slug>/audit/", audit.audit_page, name="audit"),
    path("publications/<slug:slug>/people/", people.people_page, name="people"),
    path("publications/<slug:slug>/people/new/", people.invitation, name="invitation"),
    path("publications/<slug:slug>/people/<int:number>/", people.person, name="person"),
    path(
        "publications/<slug:slug>/people/<int:number>/invitation/",
        people.invitation_again,
        name="invitation-again",
    ),
    path(
        "publications/<slug:slug>/people/<int:number>/deactivation/",
        people.deactivation,
        name="deactivation",
    ),
    path(
        "publications/<slug:slug>/people/<int:number>/reactivation/",
        people.reactivation,
        name="reactivation",
    ),
]
# Writing an issue
for_staff += [
    path("publications/<slug:slug>/issues/", issue_facts.new_issue, name="new-issue"),
    path("publications/<slug:slug>/manuscripts/", manuscripts.manuscripts, name="manuscripts"),
    path("manuscripts/<int:pk>/", manuscripts.manuscript, name="manuscript"),
    path("issues/<int:pk>/", editor.issue, name="issue"),
    path("issues/<int:pk>/facts/", issue_facts.facts, name="issue-facts"),
    path("issues/<int:pk>/history/", issue_facts.issue_history, name="issue-history"),
    path("issues/<int:pk>/restoration/", issue_facts.issue_restoration, name="issue-restoration"),
    path("issues/<int:pk>/comments/", issue_facts.issue_comments, name="issue-comments"),
    path("issues/<int:pk>/sections/", editor.sections, name="issue-sections"),
    path("issues/<int:pk>/items/", editor.items, name="issue-items"),
    path("sections/<int:pk>/", editor.section, name="section"),
    path("items/<int:pk>/", editor.item, name="item"),
    path("items/<int:pk>/text/", editor.item_text, name="item-text"),
    path("items/<int:pk>/place/", editor.item_place, name="item-place"),
    path("items/<int:pk>/history/", issue_facts.item_history, name="item-history"),
    path("items/<int:pk>/restoration/", issue_facts.item_restoration, name="item-restoration"),
    path("items/<int:pk>/comments/", issue_facts.item_comments, name="item-comments"),
    path("pasted/", editor.pasted, name="pasted"),
]
# Sending.
for_staff += [
    path("issues/<int:pk>/mailing/last/", sending.send_last, name="send-last"),
    path("issues/<int:pk>/mailing/readers/", sending.readers, name="send-readers"),
    path("publications/<slug:slug>/slots/", slots.slots_page, name="slots"),
    path("mailings/<int:pk>/unconfirmed/", mailings.unconfirmed, name="mailing-unconfirmed"),
    path("mailings/<int:pk>/policy/", mailings.policy, name="mailing-policy"),
    path("mailings/<int:pk>/following/", following.following, name="mailing-following"),
]
urlpatterns = open_to_all + for_staff
