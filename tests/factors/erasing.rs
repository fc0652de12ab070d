//! What is left of a person's second factor and sign-ins once they were erased: nothing.

use domain::Role;

use crate::support::TestApp;

#[tokio::test]
async fn an_erased_person_leaves_no_secret_no_code_and_no_sign_in() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    app.login(&person.email, "not this one").await.expect(401);
    app.enrol(&person).await;
    let rows = async || -> Vec<i64> {
        let mut counts = vec![];
        for table in ["second_factors", "recovery_codes", "sign_ins"] {
            let sql = format!("SELECT count(*) FROM {table} WHERE user_id = $1::uuid");
            let count = sqlx::query_scalar(&sql).bind(&person.id).fetch_one(&app.pool()).await;
            counts.push(count.unwrap());
        }
        counts
    };
    assert_eq!(rows().await, [1, 10, 2]);

    app.erase(&person).await;

    app.login(&person.email, &person.password).await.expect(401);
    assert_eq!(rows().await, [0, 0, 0]);
    app.post("/me/second-factor/").by(&person).send().await.expect(401);
    app.finish().await;
}
