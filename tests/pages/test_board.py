"""The review room: what adoption needs, positions, two people at once."""

from tests.support import pages


def test_hailing_opens_a_ticket(construction, report, scientist, members):
    browser = pages.visitor(scientist)
    page = pages.text_of(browser.get(f"/taxicab/hail/DM-100/?report={report.pk}"))
    assert "the board (ines, tomas)" in page
    sent = {"report": report.pk, "summary": "Look at S11."}
    answer = browser.post("/taxicab/hail/DM-100/", sent, follow=True)
    assert "TAXICAB-1 is before the board." in pages.text_of(answer)


def test_the_room_says_what_adoption_needs(hailed, members):
    page = pages.text_of(pages.visitor(members[0]).get("/taxicab/TAXICAB-1/"))
    assert "0 of 2 adopt positions" in page
    assert "Still to be heard: ines" in page
    assert "Take this position" in page


def test_the_author_is_not_asked(hailed, scientist):
    page = pages.text_of(pages.visitor(scientist).get("/taxicab/TAXICAB-1/"))
    assert "Take this position" not in page
    assert "Adopt…" not in page
    assert "Withdraw…" in page


def test_positions_are_taken_and_changed(hailed, members):
    browser = pages.visitor(members[0])
    sent = {"kind": "object", "comment": "R22_S11 is noisy."}
    answer = browser.post("/taxicab/TAXICAB-1/position/", sent, follow=True)
    assert "R22_S11 is noisy." in pages.text_of(answer)

    # An objection without a reason is not taken, and says why.
    answer = browser.post("/taxicab/TAXICAB-1/position/", {"kind": "object"})
    assert answer.status_code == 400
    assert "Say what you object to" in pages.text_of(answer)

    # One's own objection is withdrawn before another position is taken.
    answer = browser.post("/taxicab/TAXICAB-1/position/", {"kind": "abstain"})
    assert answer.status_code == 409
    assert "withdraw it and say why" in pages.text_of(answer)
    objection = hailed.objections.get()
    address = f"/taxicab/TAXICAB-1/objections/{objection.pk}/withdraw/"
    browser.post(address, {"reason": "It was a cosmic ray."})
    browser.post("/taxicab/TAXICAB-1/position/", {"kind": "abstain"})
    assert hailed.positions.get().kind == "abstain"


def test_adoption_waits_for_consensus(hailed, members):
    browser = pages.visitor(members[1])
    page = pages.text_of(browser.get("/taxicab/TAXICAB-1/adopt/"))
    assert "Not met: 0 of 2 adopt positions" in page
    answer = browser.post("/taxicab/TAXICAB-1/adopt/", {"reason": "Now."})
    assert answer.status_code == 409
    assert "cannot be adopted yet" in pages.text_of(answer)
    hailed.refresh_from_db()
    assert hailed.stage == "hailed"


def test_of_two_who_decide_one_is_told(hailed, members):
    browsers = [pages.visitor(member) for member in members]
    for browser in browsers:
        browser.post("/taxicab/TAXICAB-1/position/", {"kind": "adopt"})
    first = browsers[0].post("/taxicab/TAXICAB-1/adopt/", {"reason": "Agreed."})
    second = browsers[1].post("/taxicab/TAXICAB-1/reject/", {"reason": "No."})
    assert (first.status_code, second.status_code) == (302, 409)
    hailed.refresh_from_db()
    assert (hailed.stage, hailed.decision_reason) == ("adopted", "Agreed.")


def test_a_rejected_set_goes_back(hailed, members):
    browser = pages.visitor(members[0])
    page = pages.text_of(browser.get("/taxicab/TAXICAB-1/reject/"))
    assert "goes back to nora for iteration 2" in page
    browser.post("/taxicab/TAXICAB-1/reject/", {"reason": "Too noisy."})
    hailed.construction.refresh_from_db()
    assert hailed.construction.iteration == 2


def test_the_list_is_narrowed(hailed, observer):
    browser = pages.visitor(observer)
    assert "TAXICAB-1" in pages.text_of(browser.get("/taxicab/?stage=hailed"))
    page = pages.text_of(browser.get("/taxicab/?stage=rejected"))
    assert "No hailing ticket matches" in page
