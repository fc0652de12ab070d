use super::*;

fn finish(number: u128) -> ProductCommand {
    ProductCommand::FinishVideo { video: shown(number) }
}

fn fail(number: u128) -> ProductCommand {
    ProductCommand::FailVideo { upload: upload(number), reason: "Not a video.".to_owned() }
}

#[test]
fn a_video_that_was_uploaded_is_finished_or_fails() {
    let events = vec![submitted_by(ALICE), uploaded(1)];

    given(events.clone()).when(finish(1)).then_expect_events(vec![finalized(1)]);
    given(events).when(fail(1)).then_expect_events(vec![failed(1)]);
}

#[test]
fn a_result_that_is_no_longer_wanted_is_no_event() {
    for video in [
        vec![],
        vec![uploaded(2)],
        vec![uploaded(1), finalized(1)],
        vec![uploaded(1), failed(1)],
        vec![uploaded(1), uploaded(2)],
        vec![uploaded(1), finalized(1), uploaded(2)],
    ] {
        for result in [finish(1), fail(1)] {
            given([vec![submitted_by(ALICE)], video.clone()].concat())
                .when(result)
                .then_expect_events(vec![]);
        }
    }
}

#[test]
fn the_result_of_the_latest_upload_counts() {
    given(vec![submitted_by(ALICE), uploaded(1), failed(1), uploaded(2)])
        .when(finish(2))
        .then_expect_events(vec![finalized(2)]);
}

#[test]
fn a_video_is_finished_whatever_became_of_its_review() {
    for last in [rejected_by(BOB, 2), cancelled()] {
        given(vec![submitted_by(ALICE), uploaded(1), last])
            .when(finish(1))
            .then_expect_events(vec![finalized(1)]);
    }
}

#[test]
fn the_processing_status_says_where_the_video_is() {
    for (video, status) in [
        (vec![], ProcessingStatus::Ready),
        (vec![uploaded(1)], ProcessingStatus::Processing),
        (vec![uploaded(1), finalized(1)], ProcessingStatus::Ready),
        (vec![uploaded(1), failed(1)], ProcessingStatus::Failed),
        (vec![uploaded(1), failed(1), uploaded(2)], ProcessingStatus::Processing),
    ] {
        let product: Product = refolded(&[vec![submitted_by(ALICE)], video].concat());

        assert_eq!(product.listing().unwrap().processing(), status);
    }
}
