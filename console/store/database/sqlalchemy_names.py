"""The names of SQLAlchemy that the services may use. An import rule of the project forbids all other SQLAlchemy names
in console.services."""

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError as DatabaseFailure
from sqlalchemy.exc import IntegrityError as UniqueViolation

__all__ = ["Connection", "DatabaseFailure", "UniqueViolation"]
