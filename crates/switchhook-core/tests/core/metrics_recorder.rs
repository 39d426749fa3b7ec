//! What Prometheus reads of the metrics.

use metrics::{
    counter, describe_counter, describe_histogram, gauge, histogram, with_local_recorder,
};

use switchhook_core::metrics_reader::MetricsReader;
use switchhook_core::metrics_recorder::MetricsRecorder;

#[test]
fn metrics_are_text_as_prometheus_reads_it() {
    let recorder = MetricsRecorder::default();
    with_local_recorder(&recorder, || {
        describe_counter!("calls_total", "Calls,\nby \"ending\" and \\");
        counter!("calls_total", "ending" => "line_1").increment(2);
        counter!("calls_total", "ending" => "line_0", "by" => "a\"b\\\\c\nd").absolute(7);
        counter!("calls_total", "ending" => "line_1").increment(1);
        gauge!("up").set(0.5);
        gauge!("up").increment(1.0);
        gauge!("far").set(f64::NEG_INFINITY);
        // What is gone has no number.
        gauge!("odd").set(f64::NAN);
    });
    let text = "# HELP calls_total Calls,\\nby \"ending\" and \\\\\n\
         # TYPE calls_total counter\n\
         calls_total{ending=\"line_0\",by=\"a\\\"b\\\\\\\\c\\nd\"} 7\n\
         calls_total{ending=\"line_1\"} 3\n\n\
         # TYPE far gauge\nfar -Inf\n\n\
         # TYPE odd gauge\n\n\
         # TYPE up gauge\nup 1.5\n\n";
    assert_eq!(recorder.render(), text);
    let reader = MetricsReader::new(text);
    let by = reader.labels("calls_total", "by");
    assert_eq!(by, ["a\"b\\\\c\nd"]);
}

#[test]
fn a_histogram_counts_each_value_in_every_bucket_that_has_room_for_it() {
    let recorder = MetricsRecorder::default();
    with_local_recorder(&recorder, || {
        describe_histogram!("seconds", "Time");
        let seconds = histogram!("seconds", "webhook" => "crm");
        for value in [0.0, 0.005, 0.006, 0.25, 60.0, 61.0] {
            seconds.record(value);
        }
    });
    let text = recorder.render();
    let bucket = |le: &str| format!("seconds_bucket{{webhook=\"crm\",le=\"{le}\"}}");
    for (le, count) in [
        ("0.005", 2),
        ("0.01", 3),
        ("0.1", 3),
        ("0.25", 4),
        ("1", 4),
        ("10", 4),
        ("60", 5),
        ("+Inf", 6),
    ] {
        let line = format!("{} {count}\n", bucket(le));
        assert!(text.contains(&line), "{line}{text}");
    }
    let head = "# HELP seconds Time\n# TYPE seconds histogram\nseconds_bucket";
    assert!(text.starts_with(head), "{text}");
    let end = "seconds_sum{webhook=\"crm\"} 121.261\nseconds_count{webhook=\"crm\"} 6\n\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn a_series_that_many_threads_count_at_once_loses_nothing() {
    let recorder = MetricsRecorder::default();
    let count = || {
        with_local_recorder(&recorder, || {
            for index in 0..1_000 {
                counter!("a", "webhook" => (index % 10).to_string()).increment(1);
                gauge!("b").increment(1.0);
                histogram!("c").record(0.5);
            }
        });
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(count))));
    let text = recorder.render();
    for line in [
        "a{webhook=\"7\"} 400\n",
        "b 4000\n",
        "c_bucket{le=\"0.5\"} 4000\n",
        "c_sum 2000\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}
